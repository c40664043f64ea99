#include "operator/reconcile/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/model/cluster_schema.h"
#include "operator/reconcile/conditions.h"

namespace natrix::reconcile {
namespace {

using model::Reason;
using testing::HasSubstr;

class Status : public testing::Test {
 protected:
  void SetUp() override {
    const Json object = {
        {"metadata", {{"name", "nats"}, {"namespace", "shop"}, {"uid", "u"}, {"generation", 3}}},
        {"spec", {{"replicas", 2}}}};
    cluster_ = model::parse_cluster(object).value();
    set_ = {{"metadata", {{"generation", 5}}},
            {"spec", {{"replicas", 2}}},
            {"status", {{"observedGeneration", 5}, {"updateRevision", "r2"}}}};
    input_.generation = 3;
    input_.cluster = &cluster_;
    input_.stateful_set = &set_;
    input_.config_revision = "sha256:a";
    input_.plan = &plan_;
    input_.now = ops::WallTime{} + std::chrono::hours(500000);
    for (const char* name : {"nats-0", "nats-1"}) {
      Pod pod;
      pod.name = name;
      pod.ready = true;
      pod.phase = "Running";
      pod.revision = "r2";
      pod.config_digest = "sha256:a";
      pod.ready_since = "2020-01-01T00:00:00Z";
      input_.pods.push_back(pod);
      input_.reports[name] = {"ID", name, "2.12.0", 1, true, ""};
    }
  }
  std::string condition(const char* type) {
    const StatusResult result = make_status(input_);
    for (const Json& condition : result.status["conditions"]) {
      if (condition["type"] == type) {
        return condition["status"].get<std::string>() + "/" +
               condition["reason"].get<std::string>();
      }
    }
    return "";
  }

  model::Cluster cluster_;
  Json set_;
  Plan plan_;
  StatusInput input_;
};

TEST_F(Status, IsWhatTheSchemaAllows) {
  plan_.actions.push_back({Action::Verb::kApply,
                           {resource::Kind::kService, "nats"},
                           {},
                           "",
                           "",
                           {{model::ActionReason::kDrift, "spec.x", false, "words"}}});
  input_.pods[0].node = "n";
  input_.pods[0].ip = "10.0.0.1";
  Json status = make_status(input_).status;
  const Json before = status;
  std::string errors;
  for (const auto& error : model::status_schema().complete(status, nullptr, "status"))
    errors += error.text() + "\n";
  EXPECT_EQ(errors, "");
  EXPECT_EQ(status, before) << "an API server would change nothing";
}

TEST_F(Status, ReadyMeansEveryServerAtItsBest) {
  EXPECT_EQ(condition("Ready"), "True/AllServersReady");
  input_.pods[1].ready = false;
  EXPECT_EQ(condition("Ready"), "False/Starting");
  EXPECT_EQ(condition("Available"), "True/ServersServing");
  input_.pods[0].ready = false;
  EXPECT_EQ(condition("Available"), "False/ServersNotReady");
}

TEST_F(Status, ProgressTellsWhereItIs) {
  input_.pods.pop_back();
  EXPECT_EQ(condition("Progressing"), "True/ScalingUp");
  input_.pods.push_back(input_.pods[0]);
  input_.pods.push_back(input_.pods[0]);
  EXPECT_EQ(condition("Progressing"), "True/ScalingDown");
  input_.pods.pop_back();
  input_.pods[0].revision = "r1";
  EXPECT_EQ(condition("Progressing"), "True/RollingOut");
  input_.pods[0].revision = "r2";
  set_["metadata"]["generation"] = 6;
  EXPECT_EQ(condition("Progressing"), "True/RollingOut");
  EXPECT_EQ(condition("Ready"), "False/RollingOut");
  input_.stateful_set = nullptr;
  input_.pods.clear();
  EXPECT_EQ(condition("Progressing"), "True/Creating");
}

TEST_F(Status, OldConfigurationIsNotApplied) {
  input_.pods[0].config_digest = "sha256:old";
  EXPECT_EQ(condition("ConfigApplied"), "False/RollingOut");
}

TEST_F(Status, TroublesAreNamedByKind) {
  auto trouble = [&](const char* reason, const char* message) {
    input_.pods[1].ready = false;
    input_.pods[1].trouble_reason = reason;
    input_.pods[1].trouble = message;
    return condition("Degraded");
  };
  EXPECT_EQ(trouble("Unschedulable", "0/3 nodes are available: insufficient cpu"),
            "True/Unschedulable");
  EXPECT_EQ(trouble("Unschedulable", "pod has unbound immediate PersistentVolumeClaims"),
            "True/VolumePending");
  EXPECT_EQ(trouble("ErrImagePull", "x"), "True/ImagePullFailing");
  EXPECT_EQ(trouble("InvalidImageName", "x"), "True/ImagePullFailing");
  EXPECT_EQ(trouble("CreateContainerConfigError", "secret not found"), "True/ServerFailing");
  EXPECT_EQ(trouble("CrashLoopBackOff", "x"), "True/ServerFailing");
}

TEST_F(Status, AServerThatRestartsWithoutComingBackIsNamed) {
  input_.pods[1].ready = false;
  input_.pods[1].restarts = 2;
  EXPECT_EQ(condition("Degraded"), "True/ServersNotReady");
  input_.reports["nats-1"].healthy = false;
  input_.reports["nats-1"].health = "no leader (503)";
  const StatusResult result = make_status(input_);
  EXPECT_THAT(result.status.dump(), HasSubstr("server nats-1 is not ready: no leader (503)"));
}

TEST_F(Status, AServerThatStandsStillIsNamed) {
  input_.pods[1].ready = false;
  EXPECT_EQ(condition("Degraded"), "False/AsExpected") << "on its way up";
  input_.pods[1].lost_readiness = true;
  EXPECT_EQ(condition("Degraded"), "True/ServersNotReady");
  EXPECT_THAT(make_status(input_).status.dump(), HasSubstr("server nats-1 is not ready: it was"));
}

TEST_F(Status, VersionIsShownWhenServersAgree) {
  EXPECT_EQ(make_status(input_).status["version"], "2.12.0");
  input_.reports["nats-1"].version = "2.11.0";
  EXPECT_FALSE(make_status(input_).status.contains("version"));
}

TEST_F(Status, FailureKeepsWhatIsKnown) {
  const Json known = make_status(input_).status;
  const Json status =
      failure_status(&known, {Reason::kForbidden, "get services: no"}, 4, input_.now);
  EXPECT_EQ(status["observedGeneration"], 3);
  EXPECT_EQ(status["servers"], known["servers"]);
  EXPECT_EQ(condition_status(status, model::ConditionType::kReconciled), "False");
  EXPECT_EQ(condition_status(status, model::ConditionType::kStalled), "True");
  EXPECT_EQ(condition_status(status, model::ConditionType::kReady), "True");
  const Json fresh = failure_status(nullptr, {Reason::kApiUnavailable, "x"}, 1, input_.now);
  EXPECT_EQ(fresh["conditions"].size(), model::kConditionTypes.size());
  EXPECT_EQ(condition_status(fresh, model::ConditionType::kReady), "Unknown");
  EXPECT_EQ(condition_status(fresh, model::ConditionType::kStalled), "False") << "passes by itself";
}

TEST(DecodePod, SurvivesAnyShape) {
  for (
      const char* text :
      {"null", "[]", "{}", R"({"metadata": 3, "status": []})",
       R"({"status": {"conditions": {"a": 1}, "containerStatuses": "x"}})",
       R"({"status": {"conditions": [3, null], "containerStatuses": [[], {"name": "nats", "state": 4}]}})"}) {
    EXPECT_NO_THROW((void)decode_pod(Json::parse(text))) << text;
  }
}

TEST(DecodePod, TellsThatReadinessWasLost) {
  const auto lost = [](const char* ready, const char* since) {
    Json pod = Json::parse(R"({"status": {"containerStatuses": [
      {"name": "nats", "state": {"running": {"startedAt": "2026-08-01T00:00:05Z"}}}]}})");
    pod["status"]["conditions"] = {
        {{"type", "Ready"}, {"status", ready}, {"lastTransitionTime", since}}};
    return decode_pod(pod).lost_readiness;
  };
  EXPECT_TRUE(lost("False", "2026-08-01T00:10:00Z"));
  EXPECT_FALSE(lost("False", "2026-08-01T00:00:01Z")) << "it has not become ready yet";
  EXPECT_FALSE(lost("True", "2026-08-01T00:10:00Z"));
}

TEST(DecodePod, ReadsWhyItDoesNotRun) {
  const Pod pod =
      decode_pod(Json::parse(R"({"metadata": {"name": "nats-0", "deletionTimestamp": "x"},
      "status": {"phase": "Running", "containerStatuses": [{"name": "sidecar", "restartCount": 9},
        {"name": "nats", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
         "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}})"));
  EXPECT_TRUE(pod.deleting);
  EXPECT_EQ(pod.restarts, 4);
  EXPECT_EQ(pod.trouble_reason, "CrashLoopBackOff");
  EXPECT_EQ(pod.trouble, "back-off; last exit code 1 (Error)");
}

}  // namespace
}  // namespace natrix::reconcile
