// The guard: every rule of the schema refuses what it is there for, in the words of the CRD.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/model/cluster.h"
#include "operator/model/crd.h"

namespace natrix::model {
namespace {

Json cluster_with(const char* spec, const char* name = "nats") {
  return {{"apiVersion", kApiVersion},
          {"kind", kKind},
          {"metadata", {{"name", name}, {"namespace", "shop"}, {"uid", "u-1"}, {"generation", 4}}},
          {"spec", Json::parse(spec)}};
}

std::string errors_of(Json object, const Json* old_object = nullptr) {
  std::string out;
  for (const FieldError& error : admit_cluster(object, old_object)) out += error.text() + "\n";
  return out;
}

struct Case {
  const char* spec;
  const char* path;     // where the error is, empty: none
  const char* message;  // part of the text
};

class Guard : public testing::TestWithParam<Case> {};

TEST_P(Guard, Judges) {
  const Case& test = GetParam();
  const std::string errors = errors_of(cluster_with(test.spec));
  if (*test.path == '\0') {
    EXPECT_EQ(errors, "") << test.spec;
  } else {
    EXPECT_THAT(errors, testing::HasSubstr(std::string(test.path) + ": ")) << test.spec;
    EXPECT_THAT(errors, testing::HasSubstr(test.message)) << test.spec;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Accepts, Guard,
    testing::Values(
        Case{R"({})", "", ""}, Case{R"({"replicas": 1})", "", ""},
        Case{R"({"image": {"repository": "nats", "tag": "2.12-alpine"}})", "", ""},
        Case{
            R"({"config": {"nats": {"maxPayload": "10MB", "maxConnections": 10000, "writeDeadline": "30s"}}})",
            "", ""},
        Case{R"({"config": {"monitor": {"enabled": false, "port": 4222}}})", "", ""},
        Case{R"({"auth": {"mode": "Token", "tokenSecretRef": {"name": "t"}}})", "", ""},
        Case{R"({"auth": {"mode": "Users", "users": [{"secretRef": {"name": "u"}}]}})", "", ""},
        Case{R"({"podTemplate": {"terminationGracePeriodSeconds": 31}})", "", ""},
        Case{R"({"podDisruptionBudget": {"maxUnavailable": "34%"}})", "", ""},
        Case{R"({"config": {"nats": {"tls": {"enabled": true, "secretName": "t", "verify": true}},
                            "cluster": {"tls": {"enabled": true, "secretName": "r"}}}})",
             "", ""},
        Case{R"({"config": {"nats": {"tls": {"secretName": "t"}}}})", "", ""},
        Case{R"({"storage": {"size": "5Gi"}})", "", ""}));

INSTANTIATE_TEST_SUITE_P(
    Refuses, Guard,
    testing::Values(
        Case{R"({"replicas": 0})", "spec.replicas", "at least 1"},
        Case{R"({"replica": 3})", "spec.replica", "unknown field"},
        Case{R"({"image": {"tag": "2.12"}})", "spec.image", "repository must be set"},
        Case{R"({"image": {"repository": "nats", "digest": "latest"}})", "spec.image.digest",
             "sha256"},
        Case{R"({"image": {"repository": "nats", "pullPolicy": "Sometimes"}})",
             "spec.image.pullPolicy", "must be one of"},
        Case{R"({"config": {"nats": {"port": 80}}})", "spec.config.nats.port", "at least 1024"},
        Case{R"({"config": {"nats": {"maxPayload": "10 MB"}}})", "spec.config.nats.maxPayload",
             "a size"},
        Case{R"({"config": {"nats": {"maxPayload": 0}}})", "spec.config.nats.maxPayload",
             "above zero"},
        Case{R"({"config": {"nats": {"maxPayload": "65MB"}}})", "spec.config.nats", "maxPending"},
        Case{R"({"config": {"nats": {"maxPayload": "2MB", "maxPending": "1MB"}}})",
             "spec.config.nats", "maxPending"},
        Case{R"({"config": {"nats": {"writeDeadline": "2"}}})", "spec.config.nats.writeDeadline",
             "a duration"},
        Case{R"({"config": {"nats": {"port": 6222}}})", "spec.config", "must differ"},
        Case{R"({"config": {"monitor": {"port": 4222}}})", "spec.config", "must differ"},
        Case{R"({"config": {"cluster": {"name": "a b"}}})", "spec.config.cluster.name",
             "without spaces"},
        Case{R"({"config": {"lameDuck": {"duration": "10s", "gracePeriod": "1s"}}})",
             "spec.config.lameDuck", "at least 30s"},
        Case{R"({"config": {"lameDuck": {"gracePeriod": "30s"}}})", "spec.config.lameDuck",
             "shorter than duration"},
        Case{R"({"config": {"merge": {"Port": 4223}}})", "spec.config.merge.Port",
             "use config.nats.port"},
        Case{R"({"config": {"merge": {"cluster": {"routes": []}}}})",
             "spec.config.merge.cluster.routes", "every server"},
        Case{R"({"auth": {"mode": "Token"}})", "spec.auth", "tokenSecretRef must be set"},
        Case{R"({"auth": {"tokenSecretRef": {"name": "t"}}})", "spec.auth",
             "tokenSecretRef must be set"},
        Case{R"({"auth": {"mode": "Users"}})", "spec.auth", "users must be set"},
        Case{R"({"auth": {"mode": "Token", "tokenSecretRef": {"name": "t"}},
                 "config": {"merge": {"authorization": {}}}})",
             "spec", "cannot hold authorization"},
        Case{R"({"container": {"env": [{"name": "SERVER_NAME", "value": "x"}]}})",
             "spec.container.env", "belong to the operator"},
        Case{R"({"container": {"env": [{"name": "A"}, {"name": "A"}]}})", "spec.container.env[1]",
             "is there twice"},
        Case{R"({"container": {"resources": {"limits": {"memory": "lots"}}}})",
             "spec.container.resources.limits.memory", "a quantity"},
        Case{R"({"podTemplate": {"metadata": {"labels": {"natrix.dev/cluster": "x"}}}})",
             "spec.podTemplate.metadata.labels", "belong to the operator"},
        Case{R"({"podTemplate": {"metadata": {"labels": {"app.kubernetes.io/instance": "x"}}}})",
             "spec.podTemplate.metadata.labels", "belong to the operator"},
        Case{R"({"podTemplate": {"metadata": {"annotations": {"natrix.dev/x": "x"}}}})",
             "spec.podTemplate.metadata.annotations", "belong to the operator"},
        Case{R"({"podTemplate": {"terminationGracePeriodSeconds": 30}})", "spec", "must be longer"},
        Case{R"({"podDisruptionBudget": {"maxUnavailable": -1}})",
             "spec.podDisruptionBudget.maxUnavailable", "negative"},
        Case{R"({"config": {"cluster": {"tls": {"enabled": true}}}})", "spec.config.cluster.tls",
             "secretName must be set"},
        Case{
            R"({"config": {"nats": {"tls": {"enabled": true, "secretName": "t", "cert": "a/b"}}}})",
            "spec.config.nats.tls.cert", "key of a Secret"},
        Case{R"({"storage": {}})", "spec.storage.size", "is required"},
        Case{R"({"storage": {"size": "5Gi", "mountPath": "/etc/nats"}})", "spec.storage",
             "mountPath"},
        Case{R"({"service": {"type": "ExternalName"}})", "spec.service.type", "must be one of"}));

TEST(GuardNames, RefusesNamesThatCannotNameAService) {
  for (const char* name : {"3nats", "nats.prod", "Nats", "a-",
                           "nats-is-a-name-that-is-much-too-long-for-a-service-of-it"}) {
    EXPECT_THAT(errors_of(cluster_with("{}", name)), testing::HasSubstr("metadata.name: ")) << name;
  }
  EXPECT_EQ(errors_of(cluster_with("{}", "nats-1")), "");
}

// An object as the API server keeps it: with its defaults.
Json stored(const char* spec) {
  Json out = cluster_with(spec);
  EXPECT_TRUE(admit_cluster(out, nullptr).empty()) << spec;
  return out;
}

TEST(GuardChanges, StorageOnlyGrowsOnceThere) {
  const Json without = stored("{}");
  const Json with = stored(R"({"storage": {"size": "5Gi"}})");
  const auto errors = [&](const char* storage) {
    return errors_of(cluster_with(fmt::format(R"({{"storage": {}}})", storage).c_str()), &with);
  };
  EXPECT_THAT(errors_of(with, &without), testing::HasSubstr("storage cannot be added"));
  EXPECT_THAT(errors_of(without, &with), testing::HasSubstr("storage cannot be added"));
  EXPECT_EQ(errors_of(with, &with), "");
  EXPECT_EQ(errors(R"({"size": "5120Mi"})"), "") << "the same in other words";
  EXPECT_EQ(errors(R"({"size": "6Gi"})"), "");
  EXPECT_EQ(errors(R"({"size": "5Gi", "retentionPolicy": {"whenDeleted": "Delete"}})"), "");
  EXPECT_THAT(errors(R"({"size": "5G"})"), testing::HasSubstr("cannot become smaller"));
  EXPECT_THAT(errors(R"({"size": "5Gi", "storageClassName": "fast"})"),
              testing::HasSubstr("storageClassName cannot change"));
  EXPECT_THAT(errors(R"({"size": "5Gi", "mountPath": "/other"})"),
              testing::HasSubstr("mountPath cannot change"));
}

TEST(GuardChanges, AServiceIsHeadlessForLifeOrNever) {
  const Json headless = cluster_with(R"({"service": {"enabled": true, "type": "Headless"}})");
  const Json balanced = cluster_with(R"({"service": {"enabled": true, "type": "LoadBalancer"}})");
  EXPECT_THAT(errors_of(balanced, &headless), testing::HasSubstr("to or from Headless"));
  EXPECT_THAT(errors_of(headless, &balanced), testing::HasSubstr("to or from Headless"));
  EXPECT_EQ(errors_of(cluster_with("{}"), &balanced), "");
}

TEST(GuardShapes, SurvivesObjectsOfTheWrongShape) {
  for (const char* text :
       {"[]", "{}", R"({"metadata": 1, "spec": {}})", R"({"metadata": {"name": 1}})",
        R"({"metadata": {"name": "a"}, "spec": []})",
        R"({"metadata": {"name": "a", "uid": 3}, "spec": {}})"}) {
    EXPECT_FALSE(parse_cluster(Json::parse(text)).ok()) << text;
  }
}

// Every CEL rule of the CRD is checked by the guard in the same words.
void collect_messages(const OrderedJson& node, std::vector<std::string>& out) {
  if (node.is_object()) {
    if (const auto rules = node.find("x-kubernetes-validations"); rules != node.end()) {
      for (const auto& rule : *rules) out.push_back(rule["message"]);
    }
    for (const auto& item : node) collect_messages(item, out);
  } else if (node.is_array()) {
    for (const auto& item : node) collect_messages(item, out);
  }
}

TEST(GuardRules, TheTableAboveMeetsEveryRuleOfTheCrd) {
  std::vector<std::string> messages;
  collect_messages(cluster_crd(), messages);
  const Json with = cluster_with(
      R"({"storage": {"size": "5Gi", "mountPath": "/data"}, "service": {"type": "NodePort"}})");
  const std::string met =
      errors_of(cluster_with(R"({"image": {"tag": "x"}})")) +
      errors_of(cluster_with(R"({"config": {"nats": {"port": 6222}}})")) +
      errors_of(
          cluster_with(R"({"config": {"lameDuck": {"duration": "1s", "gracePeriod": "1s"}}})")) +
      errors_of(cluster_with(R"({"auth": {"mode": "Token"}})")) +
      errors_of(cluster_with(R"({"auth": {"mode": "Users"}})")) +
      errors_of(cluster_with(R"({"container": {"env": [{"name": "POD_NAME"}]}})")) +
      errors_of(cluster_with(R"({"podTemplate": {"metadata": {"labels": {"natrix.dev/a": ""},
                                 "annotations": {"natrix.dev/a": ""}}}})")) +
      errors_of(cluster_with(R"({"podTemplate": {"terminationGracePeriodSeconds": 1}})")) +
      errors_of(cluster_with(R"({"podDisruptionBudget": {"maxUnavailable": -1}})")) +
      errors_of(cluster_with(R"({"storage": {"size": "1Gi", "mountPath": "/etc/nats"}})")) +
      errors_of(cluster_with(R"({"config": {"nats": {"maxPayload": 0}}})")) +
      errors_of(cluster_with(R"({"config": {"nats": {"tls": {"enabled": true}}}})")) +
      errors_of(cluster_with(R"({"service": {"type": "Headless", "enabled": false}})"), &with) +
      errors_of(cluster_with(R"({"storage": {"size": "5Gi", "mountPath": "/a",
                                 "storageClassName": "fast"}})"),
                &with) +
      errors_of(cluster_with("{}"), &with) + errors_of(cluster_with("{}", "X"));
  EXPECT_GE(messages.size(), 13U);
  for (const std::string& message : messages) EXPECT_THAT(met, testing::HasSubstr(message));
}

}  // namespace
}  // namespace natrix::model
