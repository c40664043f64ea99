// A cluster at rest is not read again as long as the watches show nothing new, and nothing that
// happens to it is overlooked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/resources.h"
#include "operator/local/memory_api/faults.h"
#include "tests/unit/operator_reconcile/world.h"

namespace natrix::reconcile {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* kNs = "default";

// Watches that are never late. Secrets and claims are not watched.
class Watches : public View {
 public:
  explicit Watches(World& world) : world_(world) {}

  [[nodiscard]] std::optional<std::string> version(const kube::ObjectRef& ref) const override {
    if (ref.type == kube::kSecrets || ref.type == kube::kPersistentVolumeClaims) return {};
    const auto object = world_.memory().get(ref);
    return object ? string_at(*object, {"metadata", "resourceVersion"}) : "";
  }
  [[nodiscard]] size_t owned(const kube::ResourceType& type,
                             const std::string& uid) const override {
    size_t out = 0;
    for (const Json& object : world_.list(type)) {
      const Json& owners = at(object, {"metadata", "ownerReferences"});
      out += owners.is_array() && !owners.empty() && owners[0]["uid"] == uid ? 1 : 0;
    }
    return out;
  }

 private:
  World& world_;
};

class Reads : public memory_api::FaultyApi {
 public:
  explicit Reads(memory_api::MemoryApi& inner) : FaultyApi(inner, {}, 1) {}
  std::vector<std::string> seen;

  kube::ApiResult<Json> get(const kube::ObjectRef& ref) override {
    seen.push_back(ref.type.plural + "/" + ref.name);
    return FaultyApi::get(ref);
  }
  kube::ApiResult<kube::ObjectList> list(const kube::ResourceType& type,
                                         const kube::ListOptions& options) override {
    seen.push_back(type.plural);
    return FaultyApi::list(type, options);
  }
};

// Servers that can be too busy to answer.
class BusyWorld : public World {
 public:
  bool busy = false;

  std::map<std::string, Result<brokerapi::ServerReport>> ask(
      const std::vector<brokerapi::ServerAddress>& servers,
      std::chrono::milliseconds deadline) override {
    if (!busy) return World::ask(servers, deadline);
    std::map<std::string, Result<brokerapi::ServerReport>> out;
    for (const auto& server : servers) out.emplace(server.name, fail("timed out"));
    return out;
  }
};

class Rest : public testing::Test {
 protected:
  void SetUp() override {
    reconciler_->use(watches_);
    world_.apply_cluster(R"({"storage": {"size": "1Gi"}})");
    world_.settle(*reconciler_);
    world_.clock().advance(std::chrono::minutes(5));
    reconciler_->reconcile(kNs, "nats");
    api_.seen.clear();
  }
  // What a pass some minutes later reads.
  std::vector<std::string> later(std::chrono::minutes time = std::chrono::minutes(5)) {
    world_.clock().advance(time);
    api_.seen.clear();
    outcome_ = reconciler_->reconcile(kNs, "nats");
    return api_.seen;
  }
  void expect_ready() {
    world_.settle(*reconciler_);
    EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
  }

  BusyWorld world_;
  Watches watches_{world_};
  Reads api_{world_.memory()};
  std::unique_ptr<ClusterReconciler> reconciler_ = world_.start(api_);
  Outcome outcome_;
};

TEST_F(Rest, OnlyWhatIsNotWatchedIsReadAgain) {
  const int asked = world_.asked;
  const uint64_t before = world_.revision();
  EXPECT_THAT(later(), UnorderedElementsAre("secrets/nats-config", "secrets/nats-routes"));
  EXPECT_FALSE(outcome_.error.has_value());
  EXPECT_TRUE(outcome_.requeue_after.has_value());
  EXPECT_EQ(world_.revision(), before);
  EXPECT_EQ(world_.asked, asked + 1) << "servers are asked nevertheless";
}

TEST_F(Rest, NowAndThenEverythingIs) {
  EXPECT_GT(later(std::chrono::minutes(61)).size(), 8U);
  EXPECT_EQ(later().size(), 2U);
}

TEST_F(Rest, AChangedSecretIsNoticed) {
  const Json before = world_.get(kube::kSecrets, "nats-config");
  world_.put_secret("nats-config", {{"cluster.conf", "x"}});
  later();
  EXPECT_EQ(world_.get(kube::kSecrets, "nats-config")["data"], before["data"]);
  expect_ready();
}

TEST_F(Rest, AChildThatIsGoneIsNoticed) {
  const Json service = world_.get(kube::kServices, "nats");
  ASSERT_TRUE(world_.memory()
                  .remove({kube::kServices, kNs, "nats"}, {service["metadata"]["uid"], ""},
                          kube::Propagation::kBackground)
                  .ok());
  later();
  EXPECT_TRUE(world_.exists(kube::kServices, "nats"));
  expect_ready();
}

TEST_F(Rest, APodThatIsGoneIsNoticed) {
  world_.lose_pod("nats-1");
  later();
  EXPECT_EQ(world_.condition("Ready"), "False/ScalingUp");
  expect_ready();
}

TEST_F(Rest, AServerThatSaysSomethingElseIsNoticed) {
  world_.version = "2.13.0";
  later();
  EXPECT_EQ(world_.cluster()["status"]["version"], "2.13.0");
  world_.routes = 0;
  later();
  EXPECT_EQ(world_.condition("Degraded"), "True/RoutesMissing");
  world_.routes.reset();
  later(std::chrono::minutes(1));
  expect_ready();
}

TEST_F(Rest, OneMissedAnswerIsNoNewsTwoAre) {
  const uint64_t before = world_.revision();
  world_.busy = true;
  later();
  EXPECT_EQ(world_.revision(), before);
  EXPECT_LE(*outcome_.requeue_after, std::chrono::seconds(10)) << "it looks again soon";
  world_.busy = false;
  later(std::chrono::minutes(1));
  EXPECT_EQ(world_.revision(), before);
  world_.busy = true;
  later();
  later(std::chrono::minutes(1));
  EXPECT_FALSE(world_.cluster()["status"]["servers"][0].contains("version"));
}

TEST_F(Rest, AWishIsNoticed) {
  world_.apply_cluster(R"({"replicas": 5, "storage": {"size": "2Gi"}})");
  expect_ready();
  EXPECT_EQ(world_.pods().size(), 5U);
}

TEST_F(Rest, AnUnansweredReadIsNoProof) {
  memory_api::FaultPlan plan;
  plan.read_error = 1;
  api_.set_plan(plan);
  later();
  EXPECT_TRUE(outcome_.error.has_value());
  api_.set_plan({});
  expect_ready();
}

TEST_F(Rest, AClusterThatIsGoneIsForgotten) {
  world_.delete_cluster();
  later();
  EXPECT_FALSE(outcome_.error.has_value());
  EXPECT_FALSE(outcome_.requeue_after.has_value());
  EXPECT_THAT(later(), testing::ElementsAre("natsclusters/nats"));
}

}  // namespace
}  // namespace natrix::reconcile
