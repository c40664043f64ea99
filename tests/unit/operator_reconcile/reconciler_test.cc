// The reconciler against a small Kubernetes: what users do and what comes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/resources.h"
#include "operator/model/base64.h"
#include "operator/model/reasons.h"
#include "tests/unit/operator_reconcile/world.h"

namespace natrix::reconcile {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class Reconciling : public testing::Test {
 protected:
  void SetUp() override { reconciler_ = world_.start(); }
  void settle() { world_.settle(*reconciler_); }
  Outcome pass() { return reconciler_->reconcile("default", "nats"); }
  std::string secret(const std::string& name, const std::string& key) {
    const Json object = world_.get(kube::kSecrets, name);
    return model::base64_decode(string_at(object, {"data", key.c_str()})).value_or("");
  }

  World world_;
  std::unique_ptr<ClusterReconciler> reconciler_;
};

TEST_F(Reconciling, MakesAClusterOfAnEmptySpec) {
  world_.apply_cluster("{}");
  settle();
  EXPECT_THAT(world_.pods(), SizeIs(3));
  for (const auto& [type, name] : std::vector<std::pair<kube::ResourceType, std::string>>{
           {kube::kServiceAccounts, "nats"},
           {kube::kSecrets, "nats-routes"},
           {kube::kSecrets, "nats-config"},
           {kube::kConfigMaps, "nats-config"},
           {kube::kServices, "nats-headless"},
           {kube::kServices, "nats"},
           {kube::kPodDisruptionBudgets, "nats"},
           {kube::kStatefulSets, "nats"}}) {
    const Json object = world_.get(type, name);
    EXPECT_EQ(object["metadata"]["ownerReferences"][0]["uid"], world_.cluster()["metadata"]["uid"])
        << name;
  }
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
  EXPECT_EQ(world_.condition("Available"), "True/ServersServing");
  EXPECT_EQ(world_.condition("Progressing"), "False/UpToDate");
  EXPECT_EQ(world_.condition("Degraded"), "False/AsExpected");
  EXPECT_EQ(world_.condition("Reconciled"), "True/Success");
  EXPECT_EQ(world_.condition("ConfigApplied"), "True/UpToDate");
  EXPECT_EQ(world_.condition("Stalled"), "False/NotStalled");
  EXPECT_EQ(world_.condition("Paused"), "False/NotPaused");
  const Json status = world_.cluster()["status"];
  EXPECT_EQ(status["observedGeneration"], world_.cluster()["metadata"]["generation"]);
  EXPECT_EQ(status["replicas"], 3);
  EXPECT_EQ(status["readyReplicas"], 3);
  EXPECT_EQ(status["updatedReplicas"], 3);
  EXPECT_EQ(status["version"], "2.12.0");
  EXPECT_EQ(status["endpoints"]["client"], "nats://nats.default.svc:4222");
  EXPECT_EQ(status["config"]["appliedServers"], 3);
  EXPECT_THAT(status["selector"].get<std::string>(), HasSubstr("natrix.dev/cluster=nats"));
  ASSERT_EQ(status["servers"].size(), 3U);
  EXPECT_EQ(status["servers"][1]["name"], "nats-1");
  EXPECT_EQ(status["servers"][1]["routedServers"], 2);
  EXPECT_FALSE(status.contains("plan"));
}

TEST_F(Reconciling, EveryConditionIsThereAfterTheFirstPass) {
  world_.apply_cluster("{}");
  pass();
  for (const model::ConditionType type : model::kConditionTypes) {
    EXPECT_NE(world_.condition(std::string(name_of(type))), "") << name_of(type);
  }
  EXPECT_EQ(world_.condition("Ready"), "False/ScalingUp");
}

TEST_F(Reconciling, WritesNothingWhenNothingChanged) {
  world_.apply_cluster("{}");
  settle();
  const uint64_t before = world_.revision();
  for (int i = 0; i < 5; ++i) {
    world_.clock().advance(std::chrono::minutes(10));
    EXPECT_FALSE(pass().error.has_value());
  }
  world_.start()->reconcile("default", "nats");  // nor after a restart of the operator
  EXPECT_EQ(world_.revision(), before);
}

TEST_F(Reconciling, AsksServersOnlyNowAndThen) {
  world_.apply_cluster("{}");
  settle();
  const int before = world_.asked;
  for (int i = 0; i < 10; ++i) pass();
  EXPECT_EQ(world_.asked, before);
  world_.clock().advance(std::chrono::minutes(2));
  pass();
  EXPECT_EQ(world_.asked, before + 1);
}

TEST_F(Reconciling, RepairsDrift) {
  world_.apply_cluster("{}");
  settle();
  const Json wanted = world_.get(kube::kConfigMaps, "nats-config")["data"];
  ASSERT_TRUE(world_.api()
                  .merge_patch({kube::kConfigMaps, "default", "nats-config"},
                               {{"data", {{"nats.conf", "port: 1"}, {"extra", "kept"}}}})
                  .ok());
  const Json service = world_.get(kube::kServices, "nats");
  ASSERT_TRUE(world_.api()
                  .remove({kube::kServices, "default", "nats"}, {service["metadata"]["uid"], ""},
                          kube::Propagation::kBackground)
                  .ok());
  ASSERT_TRUE(
      world_.api()
          .merge_patch({kube::kStatefulSets, "default", "nats"}, {{"spec", {{"replicas", 1}}}})
          .ok());
  ASSERT_TRUE(world_.api()
                  .merge_patch({kube::kPodDisruptionBudgets, "default", "nats"},
                               {{"metadata", {{"labels", {{"app", nullptr}}}}}})
                  .ok());
  settle();
  EXPECT_EQ(world_.get(kube::kConfigMaps, "nats-config")["data"]["nats.conf"], wanted["nats.conf"]);
  EXPECT_EQ(world_.get(kube::kConfigMaps, "nats-config")["data"]["extra"], "kept")
      << "not ours, not touched";
  EXPECT_TRUE(world_.exists(kube::kServices, "nats"));
  EXPECT_EQ(world_.get(kube::kStatefulSets, "nats")["spec"]["replicas"], 3);
  EXPECT_EQ(world_.get(kube::kPodDisruptionBudgets, "nats")["metadata"]["labels"]["app"], "nats");
  EXPECT_THAT(world_.event_reasons(), Contains("Drift"));
}

TEST_F(Reconciling, ScalesBothWaysWithoutRestartingAnybody) {
  world_.apply_cluster(R"({"replicas": 3})");
  settle();
  const auto three = world_.pods();
  world_.apply_cluster(R"({"replicas": 5})");
  settle();
  auto five = world_.pods();
  EXPECT_THAT(five, SizeIs(5));
  for (const auto& [name, uid] : three) EXPECT_EQ(five[name], uid) << name;
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
  EXPECT_THAT(secret("nats-config", "cluster.conf"), HasSubstr("nats-4.nats-headless.default.svc"));
  world_.apply_cluster(R"({"replicas": 3})");
  settle();
  EXPECT_EQ(world_.pods(), three);
  EXPECT_THAT(secret("nats-config", "cluster.conf"), Not(HasSubstr("nats-4")));
  EXPECT_THAT(world_.event_reasons(), Contains("ReplicasChanged"));
}

TEST_F(Reconciling, AHeadlessServiceNamesPodsAndServesClients) {
  world_.apply_cluster(R"({"service": {"type": "Headless"}})");
  settle();
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
  EXPECT_FALSE(world_.exists(kube::kServices, "nats-headless"));
  EXPECT_EQ(world_.get(kube::kServices, "nats")["spec"]["clusterIP"], "None");
  EXPECT_THAT(secret("nats-config", "cluster.conf"),
              HasSubstr("@nats-1.nats.default.svc.cluster.local:6222"));
  world_.apply_cluster("{}");
  settle();
  EXPECT_EQ(world_.condition("Stalled"), "True/SpecInvalid");
}

TEST_F(Reconciling, FollowsTheScaleSubresource) {
  world_.apply_cluster("{}");
  settle();
  auto& server = world_.memory().server();
  const memory_api::Target target{server.find_type("natrix.dev", "v1alpha1", "natsclusters"),
                                  "default", "nats", "scale"};
  memory_api::PatchRequest patch;
  patch.patch = {{"spec", {{"replicas", 2}}}};
  ASSERT_TRUE(server.patch(target, patch, {}).ok());
  settle();
  EXPECT_THAT(world_.pods(), SizeIs(2));
  EXPECT_EQ(server.get(target)->at("status").at("replicas"), 2);
}

TEST_F(Reconciling, RollsAConfigChangeOneByOne) {
  world_.apply_cluster("{}");
  settle();
  const auto before = world_.pods();
  world_.most_down = 0;
  world_.apply_cluster(R"({"config": {"nats": {"maxPayload": "2MB"}}})");
  pass();
  world_.step();
  pass();
  EXPECT_EQ(world_.condition("ConfigApplied"), "False/RollingOut");
  EXPECT_EQ(world_.condition("Progressing"), "True/RollingOut");
  settle();
  for (const auto& [name, uid] : world_.pods()) EXPECT_NE(before.at(name), uid) << name;
  EXPECT_EQ(world_.most_down, 1);
  EXPECT_EQ(world_.condition("ConfigApplied"), "True/UpToDate");
  EXPECT_THAT(world_.get(kube::kConfigMaps, "nats-config")["data"]["nats.conf"].get<std::string>(),
              HasSubstr("max_payload: 2097152"));
  EXPECT_THAT(world_.event_reasons(), Contains("ConfigChanged"));
}

TEST_F(Reconciling, RollsAnImageChangeAndSaysSo) {
  world_.apply_cluster("{}");
  settle();
  world_.most_down = 0;
  world_.apply_cluster(R"({"image": {"repository": "nats", "tag": "2.12-alpine"}})");
  settle();
  EXPECT_EQ(world_.most_down, 1);
  const Json set = world_.get(kube::kStatefulSets, "nats");
  EXPECT_EQ(set["spec"]["template"]["spec"]["containers"][0]["image"], "nats:2.12-alpine");
  bool found = false;
  for (const Json& event : world_.list(kube::kEvents)) {
    if (event["reason"] != "ImageChanged") continue;
    found = true;
    EXPECT_THAT(event["note"].get<std::string>(),
                HasSubstr("natrix-broker:test -> nats:2.12-alpine; "));
    EXPECT_EQ(event["regarding"]["kind"], "NatsCluster");
  }
  EXPECT_TRUE(found);
}

TEST_F(Reconciling, ARestartCanBeAskedFor) {
  world_.apply_cluster("{}");
  settle();
  const auto before = world_.pods();
  world_.annotate_cluster("natrix.dev/restart", "today");
  settle();
  for (const auto& [name, uid] : world_.pods()) EXPECT_NE(before.at(name), uid) << name;
  EXPECT_THAT(world_.event_reasons(), Contains("RestartAsked"));
}

TEST_F(Reconciling, AFieldThatIsDroppedGoesAway) {
  world_.apply_cluster(
      R"({"service": {"annotations": {"a": "1", "b": "2"}}, "podTemplate": {"nodeSelector": {"d": "ssd"}}})");
  settle();
  EXPECT_EQ(world_.get(kube::kServices, "nats")["metadata"]["annotations"]["a"], "1");
  world_.apply_cluster(R"({"service": {"annotations": {"b": "2"}}})");
  settle();
  EXPECT_FALSE(world_.get(kube::kServices, "nats")["metadata"]["annotations"].contains("a"));
  EXPECT_EQ(world_.get(kube::kServices, "nats")["metadata"]["annotations"]["b"], "2");
  EXPECT_FALSE(
      world_.get(kube::kStatefulSets, "nats")["spec"]["template"]["spec"].contains("nodeSelector"));
}

TEST_F(Reconciling, PausedItOnlyPlans) {
  world_.apply_cluster("{}");
  settle();
  const auto before = world_.pods();
  world_.apply_cluster(
      R"({"paused": true, "replicas": 5, "config": {"nats": {"maxPayload": 1024}}})");
  settle();
  EXPECT_EQ(world_.pods(), before);
  EXPECT_EQ(world_.condition("Paused"), "True/Paused");
  EXPECT_EQ(world_.condition("Ready"), "False/Paused");
  EXPECT_EQ(world_.condition("Available"), "True/ServersServing");
  const Json plan = world_.cluster()["status"]["plan"];
  EXPECT_EQ(plan["digest"].get<std::string>().size(), 16U);
  std::vector<std::string> seen;
  for (const Json& action : plan["actions"]) {
    seen.push_back(fmt::format("{} {} {}", action["target"].get<std::string>(),
                               action["reason"].get<std::string>(),
                               action["disruptive"].get<bool>()));
  }
  EXPECT_THAT(seen, AllOf(Contains("StatefulSet nats ConfigChanged true"),
                          Contains("StatefulSet nats ReplicasChanged false"),
                          Contains("ConfigMap nats-config SpecChanged false")));
  EXPECT_THAT(plan.dump(), Not(HasSubstr("password"))) << "values of Secrets are not shown";
  world_.apply_cluster(R"({"replicas": 5, "config": {"nats": {"maxPayload": 1024}}})");
  settle();
  EXPECT_THAT(world_.pods(), SizeIs(5));
  EXPECT_FALSE(world_.cluster()["status"].contains("plan"));
}

TEST_F(Reconciling, APausedNewClusterStaysAPlan) {
  world_.apply_cluster(R"({"paused": true})");
  settle();
  EXPECT_THAT(world_.list(kube::kSecrets), IsEmpty());
  EXPECT_EQ(world_.cluster()["status"]["plan"]["actions"].size(), 9U);
}

TEST_F(Reconciling, DeletionTakesTheChildren) {
  world_.apply_cluster(R"({"storage": {"size": "1Gi"}})");
  settle();
  ASSERT_TRUE(world_.exists(kube::kPersistentVolumeClaims, "data-nats-0"));
  const std::string first = secret("nats-routes", "password");
  world_.delete_cluster();
  EXPECT_FALSE(pass().error.has_value());
  for (const auto& type : {kube::kServiceAccounts, kube::kSecrets, kube::kConfigMaps,
                           kube::kServices, kube::kPodDisruptionBudgets, kube::kStatefulSets}) {
    for (const Json& left : world_.list(type))
      EXPECT_EQ(string_at(left, {"metadata", "name"}), "") << type.plural;
  }
  EXPECT_TRUE(world_.exists(kube::kPersistentVolumeClaims, "data-nats-0"));
  EXPECT_FALSE(
      at(world_.get(kube::kPersistentVolumeClaims, "data-nats-0"), {"metadata", "ownerReferences"})
          .is_array());
}

TEST_F(Reconciling, AnInvalidSpecStopsWithoutHarm) {
  world_.apply_cluster("{}");
  settle();
  const auto before = world_.pods();
  const Json set = world_.get(kube::kStatefulSets, "nats");
  // The in-memory API server does not evaluate CEL, like an old one.
  world_.apply_cluster(
      R"({"replicas": 5, "config": {"lameDuck": {"duration": "1s", "gracePeriod": "1s"}}})");
  settle();
  EXPECT_EQ(world_.pods(), before);
  EXPECT_EQ(world_.get(kube::kStatefulSets, "nats"), set);
  EXPECT_EQ(world_.condition("Reconciled"), "False/SpecInvalid");
  EXPECT_EQ(world_.condition("Stalled"), "True/SpecInvalid");
  EXPECT_EQ(world_.condition("Ready"), "False/SpecInvalid");
  EXPECT_EQ(world_.condition("Available"), "True/ServersServing");
  EXPECT_EQ(world_.condition("ConfigApplied"), "Unknown/SpecInvalid");
  EXPECT_THAT(world_.condition_message("Stalled"),
              AllOf(HasSubstr("spec.config.lameDuck: duration must be at least 30s"),
                    HasSubstr("docs/runbooks/natscluster.md#specinvalid")));
  EXPECT_EQ(world_.cluster()["status"]["selector"],
            "app.kubernetes.io/instance=nats,app.kubernetes.io/name=nats,natrix.dev/cluster=nats");
  world_.apply_cluster(R"({"replicas": 5})");
  settle();
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
}

TEST_F(Reconciling, AStrangersObjectIsNotTouched) {
  const Json service = {
      {"apiVersion", "v1"},
      {"kind", "Service"},
      {"metadata", {{"name", "nats"}, {"namespace", "default"}}},
      {"spec", {{"selector", {{"app", "other"}}}, {"ports", Json::array({{{"port", 80}}})}}}};
  ASSERT_TRUE(world_.api().create(kube::kServices, service).ok());
  const Json before = world_.get(kube::kServices, "nats");
  world_.apply_cluster("{}");
  settle();
  EXPECT_EQ(world_.get(kube::kServices, "nats"), before);
  EXPECT_EQ(world_.condition("Stalled"), "True/NameConflict");
  EXPECT_THAT(world_.condition_message("Stalled"),
              HasSubstr("Service nats exists and was not made for this"));
  EXPECT_THAT(world_.pods(), IsEmpty()) << "no half cluster";
  ASSERT_TRUE(world_.api()
                  .remove({kube::kServices, "default", "nats"}, {before["metadata"]["uid"], ""},
                          kube::Propagation::kBackground)
                  .ok());
  settle();
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
}

TEST_F(Reconciling, AStrangersObjectIsNotDeletedEither) {
  world_.apply_cluster(R"({"service": {"enabled": false}})");
  const Json service = {{"apiVersion", "v1"},
                        {"kind", "Service"},
                        {"metadata", {{"name", "nats"}, {"namespace", "default"}}},
                        {"spec", {{"ports", Json::array({{{"port", 80}}})}}}};
  ASSERT_TRUE(world_.api().create(kube::kServices, service).ok());
  settle();
  EXPECT_TRUE(world_.exists(kube::kServices, "nats"));
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
}

TEST_F(Reconciling, WhatIsSwitchedOffIsRemoved) {
  world_.apply_cluster("{}");
  settle();
  world_.apply_cluster(
      R"({"service": {"enabled": false}, "podDisruptionBudget": {"enabled": false}})");
  settle();
  EXPECT_FALSE(world_.exists(kube::kServices, "nats"));
  EXPECT_FALSE(world_.exists(kube::kPodDisruptionBudgets, "nats"));
  EXPECT_TRUE(world_.exists(kube::kServices, "nats-headless"));
  EXPECT_THAT(world_.event_reasons(), Contains("NotWanted"));
}

TEST_F(Reconciling, OrphansAreTakenBack) {
  world_.apply_cluster("{}");
  settle();
  const auto before = world_.pods();
  const std::string password = secret("nats-routes", "password");
  const Json cluster = world_.cluster();
  ASSERT_TRUE(world_.api()
                  .remove({kNatsClusters, "default", "nats"}, {cluster["metadata"]["uid"], ""},
                          kube::Propagation::kOrphan)
                  .ok());
  pass();
  EXPECT_EQ(world_.pods(), before);
  world_.apply_cluster("{}");
  settle();
  EXPECT_EQ(world_.pods(), before) << "nobody restarts";
  EXPECT_EQ(secret("nats-routes", "password"), password);
  EXPECT_EQ(world_.get(kube::kStatefulSets, "nats")["metadata"]["ownerReferences"][0]["uid"],
            world_.cluster()["metadata"]["uid"]);
}

TEST_F(Reconciling, WaitsForTheSecretOfAToken) {
  world_.apply_cluster(R"({"auth": {"mode": "Token", "tokenSecretRef": {"name": "clients"}}})");
  settle();
  EXPECT_EQ(world_.condition("Stalled"), "True/SecretMissing");
  EXPECT_THAT(world_.condition_message("Stalled"),
              HasSubstr("Secret clients, named in spec.auth.tokenSecretRef, does not exist"));
  EXPECT_THAT(world_.pods(), IsEmpty());
  world_.put_secret("clients", {{"password", "x"}});
  settle();
  EXPECT_THAT(world_.condition_message("Stalled"), HasSubstr("has no key token"));
  world_.put_secret("clients", {{"token", "abc\n"}});
  settle();
  EXPECT_EQ(world_.condition("Stalled"), "True/SecretInvalid");
  world_.put_secret("clients", {{"token", "abc"}});
  settle();
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
  EXPECT_THAT(secret("nats-config", "auth.conf"), HasSubstr("token: \"abc\""));
  const auto before = world_.pods();
  world_.put_secret("clients", {{"token", "other"}});
  settle();
  for (const auto& [name, uid] : world_.pods())
    EXPECT_NE(before.at(name), uid) << "reads the new token";
}

TEST_F(Reconciling, UsersComeFromTheirSecrets) {
  world_.put_secret("alice", {{"username", "alice"}, {"password", "a1"}});
  world_.put_secret("bob", {{"n", "bob"}, {"p", "b1"}});
  world_.apply_cluster(R"({"auth": {"mode": "Users", "users": [{"secretRef": {"name": "alice"}},
      {"secretRef": {"name": "bob", "usernameKey": "n", "passwordKey": "p"}}]}})");
  settle();
  EXPECT_THAT(secret("nats-config", "auth.conf"),
              AllOf(HasSubstr("user: \"alice\""), HasSubstr("password: \"b1\"")));
  EXPECT_THAT(world_.get(kube::kConfigMaps, "nats-config").dump(), Not(HasSubstr("alice")));
}

TEST_F(Reconciling, RouteCredentialsAreMadeOnceAndKept) {
  world_.apply_cluster("{}");
  settle();
  const std::string password = secret("nats-routes", "password");
  EXPECT_EQ(password, "password1");
  world_.apply_cluster(R"({"replicas": 4, "config": {"logging": {"debug": true}}})");
  settle();
  reconciler_ = world_.start();
  settle();
  EXPECT_EQ(secret("nats-routes", "password"), password);
  EXPECT_THAT(secret("nats-config", "cluster.conf"), HasSubstr("password: \"password1\""));
}

TEST_F(Reconciling, RouteCredentialsMayBeGiven) {
  world_.put_secret("routes", {{"username", "r"}, {"password", "given"}});
  world_.apply_cluster(
      R"({"config": {"cluster": {"routeURLs": {"credentialsSecretRef": {"name": "routes"}}}}})");
  settle();
  EXPECT_FALSE(world_.exists(kube::kSecrets, "nats-routes"));
  EXPECT_THAT(secret("nats-config", "cluster.conf"), HasSubstr("nats-route://r:given@nats-0"));
}

TEST_F(Reconciling, StorageCannotChangeAfterwards) {
  world_.apply_cluster(R"({"storage": {"size": "2Gi"}})");
  settle();
  world_.apply_cluster(R"({"storage": {"size": "1Gi"}})");
  settle();
  EXPECT_EQ(world_.condition("Stalled"), "True/StorageImmutable");
  EXPECT_THAT(world_.condition_message("Stalled"), HasSubstr("2Gi -> 1Gi"));
  world_.apply_cluster(R"({})");
  settle();
  EXPECT_EQ(world_.condition("Stalled"), "True/StorageImmutable");
  world_.apply_cluster(R"({"storage": {"size": "2048Mi"}})");
  settle();
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady") << "the same amount";
}

TEST_F(Reconciling, NamesTheServerThatFailsAndWhy) {
  world_.keep_pending("nats-1", "CrashLoopBackOff", "back-off 40s restarting failed container");
  world_.apply_cluster("{}");
  settle();
  EXPECT_EQ(world_.condition("Degraded"), "True/ServerFailing");
  EXPECT_EQ(world_.condition("Ready"), "False/ServerFailing");
  EXPECT_EQ(world_.condition("Available"), "True/ServersServing");
  EXPECT_THAT(world_.condition_message("Degraded"),
              HasSubstr("server nats-1: CrashLoopBackOff: back-off 40s"));
  const auto reasons = world_.event_reasons();
  EXPECT_EQ(std::count(reasons.begin(), reasons.end(), "ServerFailing"), 1)
      << "one event per transition";
  world_.let_go();
  settle();
  EXPECT_EQ(world_.condition("Degraded"), "False/AsExpected");
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
}

TEST_F(Reconciling, AnImageThatCannotBePulledIsNamed) {
  world_.keep_pending("nats-2", "ImagePullBackOff", "Back-off pulling image \"nats:nope\"");
  world_.apply_cluster("{}");
  settle();
  EXPECT_EQ(world_.condition("Degraded"), "True/ImagePullFailing");
}

TEST_F(Reconciling, ServersThatDoNotFindEachOtherAreNamed) {
  world_.routes = 1;
  world_.apply_cluster("{}");
  pass();
  world_.step();
  world_.step();
  world_.step();
  pass();
  EXPECT_EQ(world_.condition("Progressing"), "True/FormingCluster") << "they are given some time";
  settle();
  EXPECT_EQ(world_.condition("Degraded"), "True/RoutesMissing");
  EXPECT_THAT(world_.condition_message("Degraded"),
              HasSubstr("nats-0 is connected to 1 of 2 other servers"));
  world_.routes.reset();
  settle();
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
}

TEST_F(Reconciling, TransitionTimesMoveOnlyWithTheStatus) {
  world_.apply_cluster("{}");
  settle();
  auto since = [&](const char* type) {
    const Json cluster = world_.cluster();
    for (const Json& condition : cluster["status"]["conditions"]) {
      if (condition["type"] == type) return condition["lastTransitionTime"].get<std::string>();
    }
    return std::string();
  };
  const std::string ready = since("Ready");
  const std::string stalled = since("Stalled");
  world_.clock().advance(std::chrono::hours(1));
  world_.apply_cluster(R"({"replicas": 4})");
  settle();
  EXPECT_GT(since("Ready"), ready);
  EXPECT_EQ(since("Stalled"), stalled);
}

TEST_F(Reconciling, AClusterThatIsGoneIsForgotten) {
  EXPECT_FALSE(pass().error.has_value());
  EXPECT_FALSE(pass().requeue_after.has_value());
}

TEST_F(Reconciling, SurvivesAStatusOfAnyShape) {
  world_.apply_cluster("{}");
  auto& server = world_.memory().server();
  settle();
  const memory_api::Target target{server.find_type("natrix.dev", "v1alpha1", "natsclusters"),
                                  "default", "nats", "status"};
  memory_api::PatchRequest patch;
  patch.patch = {{"status", {{"conditions", nullptr}, {"servers", nullptr}, {"replicas", 77}}}};
  ASSERT_TRUE(server.patch(target, patch, {}).ok());
  settle();
  EXPECT_EQ(world_.cluster()["status"]["replicas"], 3);
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
}

TEST_F(Reconciling, TwoClustersLiveSideBySide) {
  world_.apply_cluster("{}", "nats");
  world_.apply_cluster(R"({"replicas": 1})", "orders");
  world_.settle(*reconciler_, "nats");
  world_.settle(*reconciler_, "orders");
  world_.settle(*reconciler_, "nats");
  EXPECT_EQ(world_.condition("Ready", "nats"), "True/AllServersReady");
  EXPECT_EQ(world_.condition("Ready", "orders"), "True/AllServersReady");
  EXPECT_EQ(world_.cluster("orders")["status"]["replicas"], 1);
  EXPECT_EQ(world_.cluster("nats")["status"]["replicas"], 3);
}

}  // namespace
}  // namespace natrix::reconcile
