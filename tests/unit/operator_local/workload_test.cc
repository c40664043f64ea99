// The built-in controllers, stepped by hand against a kubelet without processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/local/workload/controllers.h"
#include "tests/support/fake_kubelet.h"

namespace natrix::workload {

using kube::kPersistentVolumeClaims;
using kube::kPods;
using kube::kStatefulSets;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

class Workload : public ::testing::Test {
 protected:
  // Until nothing moves any more.
  void settle() {
    for (int i = 0; i < 200; ++i) {
      const uint64_t before = server_.revision();
      controllers_.sync();
      watch_invariants();
      kubelet_.step();
      watch_invariants();
      if (server_.revision() == before) return;
    }
    FAIL() << "never settles";
  }
  void step() {
    controllers_.sync();
    kubelet_.step();
  }
  virtual void watch_invariants() {}

  Json stateful_set(int replicas, const char* policy = "Parallel") {
    return Json::parse(fmt::format(
        R"({{"apiVersion":"apps/v1","kind":"StatefulSet",
             "metadata":{{"name":"s","namespace":"default"}},
             "spec":{{"replicas":{},"serviceName":"s-headless","podManagementPolicy":"{}",
               "selector":{{"matchLabels":{{"app":"s"}}}},
               "template":{{"metadata":{{"labels":{{"app":"s"}}}},
                 "spec":{{"containers":[{{"name":"nats","image":"nats:1",
                   "ports":[{{"name":"client","containerPort":4222}}]}}]}}}},
               "volumeClaimTemplates":[{{"metadata":{{"name":"data"}},"spec":{{
                 "accessModes":["ReadWriteOnce"],
                 "resources":{{"requests":{{"storage":"1Gi"}}}}}}}}]}}}})",
        replicas, policy));
  }
  void change(const char* patch) {
    ASSERT_TRUE(objects_.patch(kStatefulSets, set(), Json::parse(patch))) << patch;
  }
  Json set() { return objects_.get(kStatefulSets, "default", "s").value_or(Json()); }
  std::vector<std::string> names(const kube::ResourceType& type) {
    std::vector<std::string> out;
    for (const Json& object : objects_.list(type, "default")) out.push_back(name_of(object));
    return out;
  }
  std::vector<std::string> images() {
    std::vector<std::string> out;
    for (const Json& pod : objects_.list(kPods, "default")) {
      out.push_back(pod["spec"]["containers"][0]["image"]);
    }
    return out;
  }
  int64_t status(const char* field) { return integer(set(), {"status", field}); }

  memory_api::ApiServer server_;
  Objects objects_{server_, "test"};
  Controllers controllers_{server_};
  tests::FakeKubelet kubelet_{server_};
};

}  // namespace

TEST_F(Workload, ParallelPodsComeAtOnce) {
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(3)));
  controllers_.sync();
  EXPECT_THAT(names(kPods), ElementsAre("s-0", "s-1", "s-2"));
  settle();
  EXPECT_EQ(status("readyReplicas"), 3);
  EXPECT_EQ(status("updatedReplicas"), 3);
  EXPECT_EQ(status("observedGeneration"), 1);
  EXPECT_THAT(names(kPersistentVolumeClaims), ElementsAre("data-s-0", "data-s-1", "data-s-2"));
  const Json pod = *objects_.get(kPods, "default", "s-1");
  EXPECT_EQ(pod["spec"]["hostname"], "s-1");
  EXPECT_EQ(pod["spec"]["subdomain"], "s-headless");
  EXPECT_EQ(pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"], "1");
  EXPECT_EQ(controller_uid(pod), uid_of(set()));
  const Json claim = *objects_.get(kPersistentVolumeClaims, "default", "data-s-1");
  EXPECT_EQ(claim["status"]["phase"], "Bound");
  EXPECT_EQ(claim["status"]["capacity"]["storage"], "1Gi");
  EXPECT_FALSE(claim["metadata"].contains("ownerReferences"));
}

TEST_F(Workload, OrderedPodsComeOneByOne) {
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(3, "OrderedReady")));
  controllers_.sync();
  EXPECT_THAT(names(kPods), ElementsAre("s-0"));
  controllers_.sync();
  EXPECT_THAT(names(kPods), ElementsAre("s-0")) << "not before s-0 is ready";
  settle();
  EXPECT_THAT(names(kPods), ElementsAre("s-0", "s-1", "s-2"));
}

TEST_F(Workload, ScalesDownFromTheTopAndKeepsClaims) {
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(5)));
  settle();
  change(R"({"spec":{"replicas":2}})");
  settle();
  EXPECT_THAT(names(kPods), ElementsAre("s-0", "s-1"));
  EXPECT_EQ(names(kPersistentVolumeClaims).size(), 5U);
  EXPECT_EQ(status("replicas"), 2);
  change(R"({"spec":{"replicas":0}})");
  settle();
  EXPECT_THAT(names(kPods), IsEmpty());
}

TEST_F(Workload, AKilledPodComesBackUnderItsName) {
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(3)));
  settle();
  const Json victim = *objects_.get(kPods, "default", "s-1");
  ASSERT_TRUE(objects_.remove(kPods, victim));
  settle();
  const Json again = *objects_.get(kPods, "default", "s-1");
  EXPECT_NE(uid_of(again), uid_of(victim));
  EXPECT_TRUE(pod_ready(again));
}

namespace {

// While a set of three rolls, at most one pod may be away.
class Rolling : public Workload {
 protected:
  void watch_invariants() override {
    if (!armed_) return;
    int ready = 0;
    for (const Json& pod : objects_.list(kPods)) ready += pod_ready(pod) && !deleting(pod) ? 1 : 0;
    EXPECT_GE(ready, 2);
  }
  bool armed_ = false;
};

}  // namespace

TEST_F(Rolling, ReplacesOnePodAtATimeFromTheTop) {
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(3)));
  settle();
  armed_ = true;
  const std::string before = text(set(), {"status", "currentRevision"});
  change(R"({"spec":{"template":{"spec":{"containers":[{"name":"nats","image":"nats:2"}]}}}})");
  controllers_.sync();
  EXPECT_EQ(status("currentReplicas") + status("updatedReplicas"), 2);
  EXPECT_TRUE(deleting(*objects_.get(kPods, "default", "s-2")));
  EXPECT_NE(text(set(), {"status", "updateRevision"}), before);
  settle();
  EXPECT_THAT(images(), ElementsAre("nats:2", "nats:2", "nats:2"));
  EXPECT_EQ(text(set(), {"status", "currentRevision"}), text(set(), {"status", "updateRevision"}));
  EXPECT_EQ(status("updatedReplicas"), 3);
}

TEST_F(Rolling, WaitsForAPodThatDoesNotGetWell) {
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(3)));
  settle();
  armed_ = true;
  kubelet_.broken = [](const Json& pod) {
    return pod["spec"]["containers"][0]["image"] == "nats:bad";
  };
  change(R"({"spec":{"template":{"spec":{"containers":[{"name":"nats","image":"nats:bad"}]}}}})");
  settle();
  EXPECT_THAT(images(), ElementsAre("nats:1", "nats:1", "nats:bad"));
  EXPECT_EQ(status("updatedReplicas"), 1);
  // Back to the template before: its revision is used again.
  const size_t revisions = names(kControllerRevisions).size();
  change(R"({"spec":{"template":{"spec":{"containers":[{"name":"nats","image":"nats:1",
      "ports":[{"name":"client","containerPort":4222}]}]}}}})");
  settle();
  EXPECT_THAT(images(), ElementsAre("nats:1", "nats:1", "nats:1"));
  EXPECT_EQ(names(kControllerRevisions).size(), revisions);
}

TEST_F(Workload, ThePartitionHoldsLowOrdinalsBack) {
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(3)));
  settle();
  change(R"({"spec":{"updateStrategy":{"rollingUpdate":{"partition":2}},"template":{"spec":
      {"containers":[{"name":"nats","image":"nats:2"}]}}}})");
  settle();
  EXPECT_THAT(images(), ElementsAre("nats:1", "nats:1", "nats:2"));
  ASSERT_TRUE(objects_.remove(kPods, *objects_.get(kPods, "default", "s-0")));
  settle();
  EXPECT_THAT(images(), ElementsAre("nats:1", "nats:1", "nats:2")) << "made as it was";
}

TEST_F(Workload, OnDeleteChangesPodsOnlyWhenTheyAreDeleted) {
  Json object = stateful_set(2);
  object["spec"]["updateStrategy"] = {{"type", "OnDelete"}};
  ASSERT_TRUE(objects_.create(kStatefulSets, object));
  settle();
  change(R"({"spec":{"template":{"spec":{"containers":[{"name":"nats","image":"nats:2"}]}}}})");
  settle();
  EXPECT_THAT(images(), ElementsAre("nats:1", "nats:1"));
  ASSERT_TRUE(objects_.remove(kPods, *objects_.get(kPods, "default", "s-0")));
  settle();
  EXPECT_THAT(images(), ElementsAre("nats:2", "nats:1"));
}

TEST_F(Workload, AnOrphanedSetIsAdoptedWithoutARestart) {
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(2)));
  settle();
  std::vector<std::string> before;
  for (const Json& pod : objects_.list(kPods)) before.push_back(uid_of(pod));
  const auto type = server_.find_type("apps", "v1", "statefulsets");
  memory_api::DeleteRequest orphan;
  orphan.propagation = kube::Propagation::kOrphan;
  ASSERT_TRUE(server_.remove({type, "default", "s", ""}, orphan).ok());
  settle();
  EXPECT_EQ(names(kPods).size(), 2U);
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(2)));
  settle();
  std::vector<std::string> after;
  for (const Json& pod : objects_.list(kPods)) {
    after.push_back(uid_of(pod));
    EXPECT_EQ(controller_uid(pod), uid_of(set()));
  }
  EXPECT_EQ(before, after);
}

TEST_F(Workload, DeletingTheSetTakesPodsAndKeepsClaims) {
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(2)));
  settle();
  ASSERT_TRUE(objects_.remove(kStatefulSets, set()));
  settle();
  EXPECT_THAT(names(kPods), IsEmpty());
  EXPECT_THAT(names(kControllerRevisions), IsEmpty());
  EXPECT_EQ(names(kPersistentVolumeClaims).size(), 2U);
}

TEST_F(Workload, ClaimsGoWhereTheRetentionPolicySaysSo) {
  Json object = stateful_set(3);
  object["spec"]["persistentVolumeClaimRetentionPolicy"] = {{"whenScaled", "Delete"},
                                                            {"whenDeleted", "Retain"}};
  ASSERT_TRUE(objects_.create(kStatefulSets, object));
  settle();
  change(R"({"spec":{"replicas":1}})");
  settle();
  EXPECT_THAT(names(kPersistentVolumeClaims), ElementsAre("data-s-0"));
  change(R"({"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Delete"}}})");
  settle();
  ASSERT_TRUE(objects_.remove(kStatefulSets, set()));
  settle();
  EXPECT_THAT(names(kPersistentVolumeClaims), IsEmpty());
}

TEST_F(Workload, AClaimInUseIsNotDeleted) {
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(1)));
  settle();
  ASSERT_TRUE(objects_.remove(kPersistentVolumeClaims,
                              *objects_.get(kPersistentVolumeClaims, "default", "data-s-0")));
  settle();
  EXPECT_TRUE(deleting(*objects_.get(kPersistentVolumeClaims, "default", "data-s-0")));
  change(R"({"spec":{"replicas":0}})");
  settle();
  EXPECT_THAT(names(kPersistentVolumeClaims), IsEmpty());
}

TEST_F(Workload, ServicesKnowTheirReadyPods) {
  kubelet_.broken = [](const Json& pod) { return name_of(pod) == "s-1"; };
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(2)));
  ASSERT_TRUE(objects_.create(kube::kServices,
                              Json::parse(R"({"metadata":{"name":"s","namespace":"default"},"spec":
      {"selector":{"app":"s"},"ports":[{"name":"nats","port":4222,"targetPort":"client"}]}})")));
  settle();
  const Json endpoints = *objects_.get(kEndpoints, "default", "s");
  ASSERT_EQ(endpoints["subsets"].size(), 1U) << endpoints;
  EXPECT_EQ(endpoints["subsets"][0]["addresses"].size(), 1U);
  EXPECT_EQ(endpoints["subsets"][0]["notReadyAddresses"].size(), 1U);
  EXPECT_EQ(endpoints["subsets"][0]["ports"][0]["port"], 4222);
  const Json slice = *objects_.get(kEndpointSlices, "default", "s-local");
  EXPECT_EQ(slice["endpoints"].size(), 2U);
}

TEST_F(Workload, BudgetsCountHealthyPods) {
  kubelet_.broken = [](const Json& pod) { return name_of(pod) == "s-2"; };
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(3)));
  ASSERT_TRUE(objects_.create(kube::kPodDisruptionBudgets,
                              Json::parse(R"({"metadata":{"name":"s","namespace":"default"},
      "spec":{"maxUnavailable":1,"selector":{"matchLabels":{"app":"s"}}}})")));
  settle();
  const auto budget = [&] {
    return objects_.get(kube::kPodDisruptionBudgets, "default", "s")->at("status");
  };
  EXPECT_EQ(budget()["expectedPods"], 3);
  EXPECT_EQ(budget()["currentHealthy"], 2);
  EXPECT_EQ(budget()["disruptionsAllowed"], 0);
  kubelet_.broken = [](const Json&) { return false; };
  settle();
  EXPECT_EQ(budget()["disruptionsAllowed"], 1);
}

TEST_F(Workload, ConvergedMeansNoWrites) {
  ASSERT_TRUE(objects_.create(kStatefulSets, stateful_set(3)));
  settle();
  const uint64_t before = server_.revision();
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(server_.revision(), before);
}

}  // namespace natrix::workload
