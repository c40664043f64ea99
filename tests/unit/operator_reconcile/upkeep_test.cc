// Changes of a running cluster: one server at a time and only when the cluster can spare it,
// approval, volumes that grow in place.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/resources.h"
#include "operator/local/memory_api/faults.h"
#include "tests/unit/operator_reconcile/world.h"

namespace natrix::reconcile {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;

constexpr const char* kNs = "default";

class Upkeep : public testing::Test {
 protected:
  void SetUp() override { make("{}"); }

  void make(const std::string& spec) {
    world_.apply_cluster(spec);
    settle();
    before_ = world_.pods();
  }
  void settle() { world_.settle(*reconciler_); }
  // Passes and moves that need not come to rest.
  void go_on(int moves) {
    for (int i = 0; i < moves; ++i) {
      reconciler_->reconcile(kNs, "nats");
      world_.step();
    }
    reconciler_->reconcile(kNs, "nats");
  }
  // How many servers are other pods than before.
  int replaced() const {
    int out = 0;
    for (const auto& [name, uid] : world_.pods()) {
      const auto known = before_.find(name);
      out += known == before_.end() || known->second != uid ? 1 : 0;
    }
    return out;
  }
  Json status() const { return world_.cluster()["status"]; }
  std::string digest() const { return string_at(status(), {"plan", "digest"}); }

  World world_;
  std::unique_ptr<ClusterReconciler> reconciler_ = world_.start();
  std::map<std::string, std::string> before_;
};

constexpr const char* kNewImage = R"({"image": {"repository": "nats", "tag": "2.12"}})";

TEST_F(Upkeep, WaitsForAServerThatIsUnwellAndNamesIt) {
  world_.unwell["nats-1"] = "stream ORDERS has no leader";
  world_.apply_cluster(kNewImage);
  go_on(20);
  EXPECT_EQ(replaced(), 0);
  EXPECT_THAT(string_at(status(), {"rollout", "waitingFor"}),
              HasSubstr("server nats-1 to be healthy: stream ORDERS has no leader"));
  EXPECT_EQ(string_at(status(), {"rollout", "next"}), "nats-2");
  EXPECT_EQ(world_.condition("RolloutBlocked"), "False/NotBlocked");
  // However long it takes, it never goes on by itself; but somebody is told.
  world_.clock().advance(std::chrono::minutes(11));
  go_on(3);
  EXPECT_EQ(replaced(), 0);
  EXPECT_EQ(world_.condition("RolloutBlocked"), "True/RolloutStuck");
  EXPECT_THAT(world_.condition_message("RolloutBlocked"),
              HasSubstr("docs/runbooks/natscluster.md#rolloutstuck"));
  world_.unwell.clear();
  settle();
  EXPECT_EQ(replaced(), 3);
  EXPECT_EQ(world_.condition("RolloutBlocked"), "False/NotBlocked");
  EXPECT_FALSE(status().contains("rollout"));
}

TEST_F(Upkeep, WaitsUntilServersAreConnected) {
  world_.routes = 1;
  world_.apply_cluster(kNewImage);
  go_on(20);
  EXPECT_EQ(replaced(), 0);
  EXPECT_THAT(string_at(status(), {"rollout", "waitingFor"}),
              HasSubstr("connected to 2 other servers, it is to 1"));
  world_.routes.reset();
  settle();
  EXPECT_EQ(replaced(), 3);
}

TEST_F(Upkeep, ABadImageStopsAtTheFirstServerAndTheNextChangeRepairsIt) {
  world_.keep_pending("nats-2", "ImagePullBackOff", "no such image");
  world_.apply_cluster(R"({"image": {"repository": "nope"}})");
  go_on(20);
  EXPECT_EQ(replaced(), 1) << "two servers go on serving";
  EXPECT_THAT(string_at(status(), {"rollout", "waitingFor"}), HasSubstr("pod nats-2"));
  world_.let_go();
  world_.apply_cluster(kNewImage);
  settle();
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
  for (const Json& pod : world_.list(kube::kPods)) {
    EXPECT_EQ(pod["spec"]["containers"][0]["image"], "nats:2.12");
  }
}

TEST_F(Upkeep, AStepCanBeForced) {
  world_.unwell["nats-1"] = "no";
  world_.annotate_cluster("natrix.dev/force-step", "nats-2");
  world_.apply_cluster(kNewImage);
  go_on(20);
  EXPECT_EQ(replaced(), 1) << "this one and no other";
}

TEST_F(Upkeep, EveryRestartHasItsEventOnce) {
  world_.apply_cluster(kNewImage);
  settle();
  std::vector<std::string> notes;
  for (const Json& event : world_.list(kube::kEvents)) {
    if (event["action"] == "RestartServer") notes.push_back(event["note"]);
  }
  ASSERT_EQ(notes.size(), 3U);
  for (const char* pod : {"nats-0", "nats-1", "nats-2"}) {
    EXPECT_THAT(notes, Contains(HasSubstr(std::string("restarting server ") + pod +
                                          ": image natrix-broker:test -> nats:2.12")));
  }
}

TEST_F(Upkeep, OnDeleteLeavesThePodsToTheUser) {
  world_.apply_cluster(
      R"({"updateStrategy": {"type": "OnDelete"}, "image": {"repository": "nats", "tag": "2.12"}})");
  go_on(10);
  EXPECT_EQ(replaced(), 0);
  EXPECT_EQ(world_.condition("PlanPending"), "True/WaitingForPodDeletion");
  EXPECT_EQ(status()["plan"]["actions"][0]["action"], "RestartServer");
  for (const char* pod : {"nats-0", "nats-1", "nats-2"}) world_.lose_pod(pod);
  settle();
  EXPECT_EQ(world_.condition("PlanPending"), "False/NothingPending");
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
}

TEST_F(Upkeep, ApproveWaitsForTheDigestOfThisVeryPlan) {
  const std::string approve = R"("updateStrategy": {"type": "Approve"})";
  world_.apply_cluster("{" + approve + R"(, "image": {"repository": "nats", "tag": "2.12"},
                                          "service": {"annotations": {"a": "b"}}})");
  go_on(10);
  EXPECT_EQ(replaced(), 0);
  EXPECT_EQ(world_.condition("PlanPending"), "True/WaitingForApproval");
  EXPECT_EQ(world_.get(kube::kServices, "nats")["metadata"]["annotations"]["a"], "b")
      << "what disturbs nobody is not held back";
  const std::string first = digest();
  EXPECT_THAT(world_.condition_message("PlanPending"),
              HasSubstr("natrix.dev/approve-plan=" + first));
  // Another plan needs another approval.
  world_.apply_cluster("{" + approve + R"(, "image": {"repository": "nats", "tag": "2.13"}})");
  world_.annotate_cluster("natrix.dev/approve-plan", first);
  go_on(10);
  EXPECT_EQ(replaced(), 0);
  EXPECT_NE(digest(), first);
  world_.annotate_cluster("natrix.dev/approve-plan", digest());
  settle();
  EXPECT_EQ(replaced(), 3);
  EXPECT_EQ(world_.condition("PlanPending"), "False/NothingPending");
}

TEST_F(Upkeep, ScalingDownTakesOneServerAtATimeAndOneApproval) {
  make(R"({"replicas": 5, "updateStrategy": {"type": "Approve"}})");
  world_.apply_cluster(R"({"replicas": 2, "updateStrategy": {"type": "Approve"}})");
  go_on(5);
  EXPECT_EQ(world_.pods().size(), 5U);
  world_.annotate_cluster("natrix.dev/approve-plan", digest());
  size_t last = 5;
  for (int i = 0; i < 60; ++i) {
    go_on(1);
    EXPECT_GE(world_.pods().size() + 1, last);
    last = world_.pods().size();
  }
  settle();
  EXPECT_EQ(world_.pods().size(), 2U);
}

TEST_F(Upkeep, ScalingDownMayEndEarly) {
  make(R"({"replicas": 5})");
  world_.unwell["nats-0"] = "no";
  world_.apply_cluster(R"({"replicas": 1})");
  go_on(3);
  EXPECT_EQ(world_.pods().size(), 5U);
  world_.apply_cluster(R"({"replicas": 5})");
  world_.unwell.clear();
  settle();
  EXPECT_EQ(world_.pods().size(), 5U);
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
}

// From a seed of the convergence test: the wish becomes what is there while the set is on its way
// to something else, so that nothing but the noted target differs.
TEST_F(Upkeep, ScalingDownMayEndAtTheNumberThereIs) {
  make(R"({"replicas": 5})");
  world_.apply_cluster(R"({"replicas": 1})");
  for (int i = 0; i < 50 && world_.pods().size() > 3; ++i) go_on(1);
  const auto set = world_.get(kube::kStatefulSets, "nats");
  const auto now = set["spec"]["replicas"].get<int>();
  ASSERT_GT(now, 1);
  ASSERT_LT(now, 5);
  world_.apply_cluster(fmt::format(R"({{"replicas": {}}})", now));
  settle();
  EXPECT_EQ(static_cast<int>(world_.pods().size()), now);
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
}

TEST_F(Upkeep, ScalingDownWaitsForTheServersThatStay) {
  world_.unwell["nats-0"] = "no";
  world_.apply_cluster(R"({"replicas": 1})");
  go_on(20);
  EXPECT_EQ(world_.pods().size(), 3U);
  EXPECT_THAT(string_at(status(), {"rollout", "waitingFor"}), HasSubstr("nats-0 to be healthy"));
  world_.unwell.clear();
  settle();
  EXPECT_EQ(world_.pods().size(), 1U);
}

class Storage : public Upkeep {
 protected:
  void SetUp() override { make(kSmall); }
  static constexpr const char* kSmall = R"({"storage": {"size": "1Gi"}})";
  std::string requested(const std::string& pod) {
    return world_.get(kube::kPersistentVolumeClaims,
                      "data-" + pod)["spec"]["resources"]["requests"]["storage"];
  }
};

TEST_F(Storage, GrowsInPlaceWithoutARestart) {
  const std::string set = world_.get(kube::kStatefulSets, "nats")["metadata"]["uid"];
  world_.apply_cluster(R"({"storage": {"size": "20Gi"}})");
  settle();
  EXPECT_EQ(replaced(), 0);
  for (const auto& [pod, uid] : world_.pods()) EXPECT_EQ(requested(pod), "20Gi");
  const Json now = world_.get(kube::kStatefulSets, "nats");
  EXPECT_NE(now["metadata"]["uid"], set) << "made anew around its pods";
  EXPECT_EQ(now["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"],
            "20Gi");
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
  EXPECT_EQ(world_.condition("StorageResizing"), "False/NotResizing");
}

TEST_F(Storage, GrowsOfASetThatWouldDeleteItsClaimsToo) {
  make(R"({"storage": {"size": "1Gi", "retentionPolicy": {"whenDeleted": "Delete"}}})");
  EXPECT_EQ(world_.get(kube::kPersistentVolumeClaims, "data-nats-0")["metadata"]["ownerReferences"]
                .size(),
            1U);
  const std::string claim =
      world_.get(kube::kPersistentVolumeClaims, "data-nats-0")["metadata"]["uid"];
  world_.apply_cluster(
      R"({"storage": {"size": "2Gi", "retentionPolicy": {"whenDeleted": "Delete"}}})");
  settle();
  EXPECT_EQ(replaced(), 0);
  EXPECT_EQ(world_.get(kube::kPersistentVolumeClaims, "data-nats-0")["metadata"]["uid"], claim);
  EXPECT_EQ(requested("nats-2"), "2Gi");
  EXPECT_EQ(world_.get(kube::kStatefulSets,
                       "nats")["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"],
            "Delete");
}

// A storage class that cannot expand volumes: API servers answer 403.
class NoExpansion : public memory_api::FaultyApi {
 public:
  explicit NoExpansion(memory_api::MemoryApi& inner) : FaultyApi(inner, {}, 1) {}
  kube::ApiResult<Json> merge_patch(const kube::ObjectRef& ref, const Json& patch) override {
    if (ref.type.kind != "PersistentVolumeClaim") return FaultyApi::merge_patch(ref, patch);
    return fail_with(kube::ApiError{
        kube::Errc::kForbidden, 403, "only dynamically provisioned pvc can be resized", {}});
  }
};

TEST_F(Storage, AClassThatCannotGrowIsNamed) {
  NoExpansion api(world_.memory());
  reconciler_ = world_.start(api);
  world_.apply_cluster(R"({"storage": {"size": "2Gi"}})");
  settle();
  EXPECT_EQ(world_.condition("Stalled"), "True/StorageResizeRefused");
  EXPECT_THAT(world_.condition_message("Stalled"),
              HasSubstr("claim data-nats-0 grows from 1Gi to 2Gi: only dynamically provisioned"));
  EXPECT_EQ(world_.condition("Available"), "True/ServersServing");
  EXPECT_EQ(replaced(), 0);
}

}  // namespace
}  // namespace natrix::reconcile
