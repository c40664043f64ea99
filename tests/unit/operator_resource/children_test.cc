#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/model/digest.h"
#include "operator/model/labels.h"
#include "operator/resource/builders.h"
#include "operator/resource/names.h"
#include "tests/unit/operator_resource/sample.h"

namespace natrix::resource {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Json pod_spec(const model::Cluster& cluster) {
  return child_of(cluster, Kind::kStatefulSet, cluster.name)["spec"]["template"]["spec"];
}

std::vector<std::string> names_of(const model::Cluster& cluster) {
  std::vector<std::string> out;
  for (const Child& child : children_of(cluster)) {
    out.push_back(child.object["kind"].get<std::string>() + "/" + child.name);
  }
  return out;
}

TEST(Children, ComeInTheOrderTheyAreNeededIn) {
  EXPECT_THAT(names_of(cluster_of("{}")),
              ElementsAre("ServiceAccount/nats", "Secret/nats-config", "ConfigMap/nats-config",
                          "Service/nats-headless", "Service/nats", "PodDisruptionBudget/nats",
                          "NetworkPolicy/nats", "StatefulSet/nats"));
}

TEST(Children, WhatIsSwitchedOffIsUnwanted) {
  const auto cluster =
      cluster_of(R"({"service": {"enabled": false}, "podDisruptionBudget": {"enabled": false},
                     "networkPolicy": {"enabled": false}})");
  EXPECT_THAT(names_of(cluster),
              ElementsAre("ServiceAccount/nats", "Secret/nats-config", "ConfigMap/nats-config",
                          "Service/nats-headless", "StatefulSet/nats"));
  const auto unwanted = unwanted_children(cluster);
  ASSERT_EQ(unwanted.size(), 3U);
  EXPECT_EQ(unwanted[0].kind, Kind::kService);
  EXPECT_EQ(unwanted[1].kind, Kind::kPodDisruptionBudget);
  EXPECT_EQ(unwanted[2].kind, Kind::kNetworkPolicy);
  EXPECT_THAT(unwanted_children(cluster_of("{}")), IsEmpty());
  EXPECT_EQ(client_endpoint(cluster), "nats://nats-headless.shop.svc:4222");
}

TEST(Children, HeadlessMeansOneServiceForPodsAndClients) {
  const auto cluster =
      cluster_of(R"({"service": {"type": "Headless", "annotations": {"a": "b"}}})");
  EXPECT_THAT(names_of(cluster),
              ElementsAre("ServiceAccount/nats", "Secret/nats-config", "ConfigMap/nats-config",
                          "Service/nats", "PodDisruptionBudget/nats", "NetworkPolicy/nats",
                          "StatefulSet/nats"));
  const Json service = child_of(cluster, Kind::kService, "nats");
  EXPECT_EQ(service["spec"]["clusterIP"], "None");
  EXPECT_EQ(service["metadata"]["annotations"]["a"], "b");
  EXPECT_EQ(child_of(cluster, Kind::kStatefulSet, "nats")["spec"]["serviceName"], "nats");
  EXPECT_EQ(brokerconf::server_host(cluster, 1), "nats-1.nats.shop.svc.cluster.local");
  EXPECT_EQ(client_endpoint(cluster), "nats://nats.shop.svc:4222");
  EXPECT_THAT(unwanted_children(cluster), IsEmpty());
}

TEST(Children, OnlyServersReachTheClusterPort) {
  const Json open = child_of(cluster_of("{}"), Kind::kNetworkPolicy, "nats")["spec"];
  const Json servers = {{"matchLabels", selector_labels(cluster_of("{}"))}};
  EXPECT_EQ(open["podSelector"], servers);
  EXPECT_EQ(open["ingress"][0]["ports"][0]["port"], 6222);
  EXPECT_EQ(open["ingress"][0]["from"][0]["podSelector"], servers);
  // Whatever config.merge may open is open to all.
  EXPECT_EQ(open["ingress"][1]["ports"],
            Json::parse(R"([{"protocol": "TCP", "port": 1, "endPort": 6221},
                            {"protocol": "TCP", "port": 6223, "endPort": 65535}])"));
  EXPECT_FALSE(open["ingress"][1].contains("from"));
}

TEST(Children, PeersMayBeNamed) {
  const Json spec = child_of(cluster_of(R"({"networkPolicy": {
      "clients": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}],
      "monitoring": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}})"),
                             Kind::kNetworkPolicy, "nats")["spec"];
  ASSERT_EQ(spec["ingress"].size(), 3U);
  EXPECT_EQ(spec["ingress"][1]["ports"][0]["port"], 4222);
  EXPECT_EQ(spec["ingress"][1]["from"][0]["namespaceSelector"]["matchLabels"]["team"], "a");
  EXPECT_EQ(spec["ingress"][2]["ports"][0]["port"], 8222);
  EXPECT_EQ(spec["ingress"][2]["from"][0]["ipBlock"]["cidr"], "10.0.0.0/8");
}

TEST(Children, BelongToTheClusterAndSayWhatWasApplied) {
  for (const Child& child : children_of(cluster_of("{}"))) {
    const Json& metadata = child.object["metadata"];
    EXPECT_EQ(metadata["ownerReferences"][0]["uid"], "uid-1") << child.name;
    EXPECT_EQ(metadata["ownerReferences"][0]["controller"], true) << child.name;
    EXPECT_EQ(metadata["labels"][model::kManagedByLabel], model::kManager) << child.name;
    Json without = child.object;
    Json& annotations = without["metadata"]["annotations"];
    annotations.erase(model::kAppliedAnnotation);
    if (annotations.empty()) without["metadata"].erase("annotations");
    EXPECT_EQ(metadata["annotations"][model::kAppliedAnnotation], model::digest_of(without))
        << child.name;
  }
}

TEST(Children, AreTheSameForTheSameSpec) {
  const auto once = children_of(cluster_of("{}"));
  const auto again = children_of(cluster_of("{}"));
  for (size_t i = 0; i < once.size(); ++i) EXPECT_EQ(once[i].object, again[i].object);
}

TEST(StatefulSet, SelectsByLabelsThatNoChartUses) {
  const Json set = child_of(cluster_of("{}"), Kind::kStatefulSet, "nats");
  EXPECT_EQ(set["spec"]["selector"]["matchLabels"][model::kClusterLabel], "nats");
  const Json& labels = set["spec"]["template"]["metadata"]["labels"];
  for (const auto& [key, value] : set["spec"]["selector"]["matchLabels"].items())
    EXPECT_EQ(labels[key], value);
  EXPECT_EQ(labels["app"], "nats");
  EXPECT_EQ(selector_text(cluster_of("{}")),
            "app.kubernetes.io/instance=nats,app.kubernetes.io/name=nats,natrix.dev/cluster=nats");
}

TEST(StatefulSet, ClaimsHaveNoOwner) {
  const Json set =
      child_of(cluster_of(R"({"storage": {"size": "5Gi"}})"), Kind::kStatefulSet, "nats");
  const Json& claim = set["spec"]["volumeClaimTemplates"][0];
  EXPECT_FALSE(claim["metadata"].contains("ownerReferences"));
  EXPECT_FALSE(claim["spec"].contains("storageClassName")) << "absent means the default class";
  const Json mounts = set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"];
  EXPECT_EQ(mounts.back(), Json({{"name", "data"}, {"mountPath", "/data"}}));
}

TEST(StatefulSet, AnEmptyStorageClassIsPassedOn) {
  const Json set = child_of(cluster_of(R"({"storage": {"size": "5Gi", "storageClassName": ""}})"),
                            Kind::kStatefulSet, "nats");
  EXPECT_EQ(set["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"], "");
}

TEST(Pods, AreConfinedUnlessTheUserSaysOtherwise) {
  const Json spec = pod_spec(cluster_of("{}"));
  EXPECT_EQ(spec["automountServiceAccountToken"], false);
  EXPECT_EQ(spec["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  const Json& container = spec["containers"][0]["securityContext"];
  EXPECT_EQ(container["allowPrivilegeEscalation"], false);
  EXPECT_EQ(container["readOnlyRootFilesystem"], true);
  EXPECT_EQ(container["capabilities"]["drop"], Json::array({"ALL"}));
}

TEST(Pods, HaveTimeToLeave) {
  EXPECT_EQ(pod_spec(cluster_of("{}"))["terminationGracePeriodSeconds"], 60);
  EXPECT_EQ(
      pod_spec(cluster_of(
          R"({"config": {"lameDuck": {"duration": "90500ms"}}})"))["terminationGracePeriodSeconds"],
      121);
  EXPECT_EQ(pod_spec(cluster_of(R"({"podTemplate": {"terminationGracePeriodSeconds": 40}})"))
                ["terminationGracePeriodSeconds"],
            40);
}

TEST(Pods, SpreadUnlessTheUserSaysOtherwise) {
  const Json spec = pod_spec(cluster_of("{}"));
  EXPECT_TRUE(spec["affinity"].contains("podAntiAffinity"));
  EXPECT_EQ(spec["topologySpreadConstraints"][0]["whenUnsatisfiable"], "ScheduleAnyway");
  const Json off =
      pod_spec(cluster_of(R"({"podTemplate": {"affinity": {}, "topologySpreadConstraints": []}})"));
  EXPECT_FALSE(off.contains("affinity"));
  EXPECT_FALSE(off.contains("topologySpreadConstraints"));
}

TEST(Pods, TheRestartAnnotationChangesTheTemplate) {
  model::Cluster cluster = cluster_of("{}");
  EXPECT_FALSE(
      pod_template(cluster, {}, {})["metadata"]["annotations"].contains(model::kRestartAnnotation));
  cluster.restart = "1";
  EXPECT_EQ(pod_template(cluster, {}, {})["metadata"]["annotations"][model::kRestartAnnotation],
            "1");
}

TEST(Probes, LivenessAsksForNothingThatDependsOnOthers) {
  const Probes probes = server_probes(cluster_of("{}"));
  EXPECT_EQ(probes.liveness["httpGet"]["path"], "/healthz?js-enabled-only=true");
  EXPECT_EQ(probes.readiness["httpGet"]["path"], "/healthz?js-server-only=true");
}

TEST(Probes, TheStartupBudgetGrowsWithTheVolume) {
  auto budget = [](const char* spec) {
    const Json probe = server_probes(cluster_of(spec)).startup;
    return probe["failureThreshold"].get<int>() * probe["periodSeconds"].get<int>();
  };
  EXPECT_EQ(budget("{}"), 300);
  EXPECT_EQ(budget(R"({"storage": {"size": "5Gi"}})"), 600);
  EXPECT_EQ(budget(R"({"storage": {"size": "10Ti"}})"), 3600);
}

TEST(Probes, WithoutMonitoringTheyTryTheClientPort) {
  const auto cluster = cluster_of(R"({"config": {"monitor": {"enabled": false}}})");
  EXPECT_EQ(server_probes(cluster).liveness["tcpSocket"]["port"], "nats");
  const Json service = child_of(cluster, Kind::kService, "nats");
  EXPECT_EQ(service["spec"]["ports"].size(), 1U);
  EXPECT_EQ(pod_spec(cluster)["containers"][0]["ports"].size(), 2U);
  EXPECT_EQ(monitor_endpoint(cluster), "");
}

TEST(Image, IsPutTogetherFromItsParts) {
  EXPECT_EQ(image_reference({}, "default:1"), "default:1");
  EXPECT_EQ(image_reference({"", "nats", "", "", "", {}}, "default:1"), "nats");
  EXPECT_EQ(image_reference({"r.example:5000", "a/nats", "2.12", "sha256:ab", "", {}}, "default:1"),
            "r.example:5000/a/nats:2.12@sha256:ab");
}

}  // namespace
}  // namespace natrix::resource
