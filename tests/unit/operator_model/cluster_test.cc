#include "operator/model/cluster.h"

#include <gtest/gtest.h>

#include "operator/model/reasons.h"

namespace natrix::model {
namespace {

Json object_with(const char* spec) {
  return {
      {"metadata", {{"name", "orders"}, {"namespace", "shop"}, {"uid", "u-1"}, {"generation", 4}}},
      {"spec", Json::parse(spec)}};
}

TEST(ParseCluster, AnEmptySpecIsAUsefulCluster) {
  const Cluster cluster = parse_cluster(object_with("{}")).value();
  EXPECT_EQ(cluster.ns, "shop");
  EXPECT_EQ(cluster.generation, 4);
  EXPECT_FALSE(cluster.deleting);
  EXPECT_EQ(cluster.nats_name(), "orders");
  EXPECT_EQ(cluster.spec.replicas, 3);
  EXPECT_EQ(cluster.spec.config.nats.port, 4222);
  EXPECT_EQ(cluster.spec.config.cluster.port, 6222);
  EXPECT_TRUE(cluster.spec.config.cluster.no_advertise);
  EXPECT_EQ(cluster.spec.config.cluster.k8s_cluster_domain, "cluster.local");
  EXPECT_EQ(cluster.spec.config.monitor.port, 8222);
  EXPECT_EQ(cluster.spec.config.lame_duck.duration_value, std::chrono::seconds(30));
  EXPECT_FALSE(cluster.spec.storage.has_value());
  EXPECT_EQ(cluster.spec.auth.mode, AuthMode::kNone);
  EXPECT_EQ(cluster.spec.service.type, "ClusterIP");
  EXPECT_TRUE(cluster.spec.service.monitor_port);
  EXPECT_EQ(cluster.spec.pod_disruption_budget.max_unavailable, 1);
  EXPECT_FALSE(cluster.spec.paused);
  EXPECT_FALSE(cluster.spec.container.security_context.has_value());
}

TEST(ParseCluster, ReadsEveryField) {
  Json object = object_with(R"({
    "replicas": 5, "paused": true,
    "image": {"registry": "r.example", "repository": "nats", "tag": "2.12", "digest":
      "sha256:0123456789abcdef0123456789abcdef", "pullPolicy": "Always", "pullSecrets": [{"name": "pull"}]},
    "config": {
      "nats": {"port": 4333, "maxPayload": "8Mi", "maxConnections": 10, "maxSubscriptions": 11,
               "maxControlLine": 8192, "maxPending": "128MB", "writeDeadline": "2s",
               "pingInterval": "1m", "pingMax": 5},
      "cluster": {"port": 6333, "name": "east", "noAdvertise": false, "poolSize": 4,
                  "routeURLs": {"credentialsSecretRef": {"name": "routes"}, "k8sClusterDomain": "k8s.lan"}},
      "monitor": {"enabled": false, "port": 8333},
      "serverNamePrefix": "east-", "serverTags": ["az:1"],
      "lameDuck": {"duration": "1m", "gracePeriod": "5s"},
      "logging": {"debug": true, "trace": true},
      "merge": {"max_traced_msg_len": 10}},
    "storage": {"size": "5Gi", "storageClassName": "fast", "mountPath": "/store"},
    "auth": {"mode": "Users", "users": [{"secretRef": {"name": "u", "usernameKey": "n", "passwordKey": "p"},
      "permissions": {"publish": {"allow": ["a.>"]}, "subscribe": {"deny": ["b"]}}}]},
    "container": {"env": [{"name": "A", "value": "b"}], "resources": {"limits": {"cpu": 1}},
                  "securityContext": {"runAsUser": 7}},
    "podTemplate": {"metadata": {"labels": {"l": "1"}, "annotations": {"a": "2"}},
      "affinity": {}, "topologySpreadConstraints": [], "tolerations": [{"operator": "Exists"}],
      "nodeSelector": {"n": "3"}, "priorityClassName": "high", "securityContext": {"fsGroup": 9},
      "terminationGracePeriodSeconds": 100},
    "service": {"enabled": true, "type": "LoadBalancer", "annotations": {"s": "4"}},
    "podDisruptionBudget": {"enabled": false, "maxUnavailable": "50%"}})");
  object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  object["metadata"]["annotations"] = {{"natrix.dev/restart", "again"}};
  const auto parsed = parse_cluster(object);
  ASSERT_TRUE(parsed.ok()) << parsed.error().front().text();
  const Cluster& cluster = *parsed;
  const Spec& spec = cluster.spec;
  EXPECT_TRUE(cluster.deleting);
  EXPECT_EQ(cluster.restart, "again");
  EXPECT_EQ(cluster.nats_name(), "east");
  EXPECT_EQ(spec.replicas, 5);
  EXPECT_TRUE(spec.paused);
  EXPECT_EQ(spec.image.registry, "r.example");
  EXPECT_EQ(spec.image.pull_secrets, std::vector<std::string>{"pull"});
  EXPECT_EQ(spec.config.nats.port, 4333);
  EXPECT_EQ(spec.config.nats.max_payload, 8 << 20);
  EXPECT_EQ(spec.config.nats.max_connections, 10);
  EXPECT_EQ(spec.config.nats.max_subscriptions, 11);
  EXPECT_EQ(spec.config.nats.max_control_line, 8192);
  EXPECT_EQ(spec.config.nats.max_pending, 128 << 20);
  EXPECT_EQ(spec.config.nats.write_deadline, "2s");
  EXPECT_EQ(spec.config.nats.ping_interval, "1m");
  EXPECT_EQ(spec.config.nats.ping_max, 5);
  EXPECT_EQ(spec.config.cluster.pool_size, 4);
  EXPECT_EQ(spec.config.cluster.credentials_secret, "routes");
  EXPECT_EQ(spec.config.cluster.k8s_cluster_domain, "k8s.lan");
  EXPECT_FALSE(spec.config.cluster.no_advertise);
  EXPECT_FALSE(spec.config.monitor.enabled);
  EXPECT_EQ(spec.config.server_name_prefix, "east-");
  EXPECT_EQ(spec.config.server_tags, std::vector<std::string>{"az:1"});
  EXPECT_EQ(spec.config.lame_duck.grace_period, "5s");
  EXPECT_TRUE(spec.config.debug);
  EXPECT_TRUE(spec.config.trace);
  EXPECT_EQ(spec.config.merge["max_traced_msg_len"], 10);
  EXPECT_EQ(spec.storage->size, "5Gi");
  EXPECT_EQ(spec.storage->storage_class_name, "fast");
  EXPECT_EQ(spec.storage->mount_path, "/store");
  ASSERT_EQ(spec.auth.users.size(), 1U);
  EXPECT_EQ(spec.auth.users[0].user.key, "n");
  EXPECT_EQ(spec.auth.users[0].password.key, "p");
  EXPECT_EQ(spec.auth.users[0].publish->allow, std::vector<std::string>{"a.>"});
  EXPECT_EQ(spec.auth.users[0].subscribe->deny, std::vector<std::string>{"b"});
  EXPECT_EQ(spec.container.resources["limits"]["cpu"], 1);
  EXPECT_EQ((*spec.container.security_context)["runAsUser"], 7);
  EXPECT_EQ(spec.pod_template.labels.at("l"), "1");
  EXPECT_TRUE(spec.pod_template.affinity.has_value());
  EXPECT_TRUE(spec.pod_template.topology_spread_constraints->empty());
  EXPECT_EQ(spec.pod_template.node_selector.at("n"), "3");
  EXPECT_EQ(spec.pod_template.priority_class_name, "high");
  EXPECT_EQ(spec.pod_template.termination_grace_period_seconds, 100);
  EXPECT_FALSE(spec.service.monitor_port) << "not on a load balancer unless asked for";
  EXPECT_FALSE(spec.pod_disruption_budget.enabled);
  EXPECT_EQ(spec.pod_disruption_budget.max_unavailable, "50%");
}

TEST(Reasons, HaveNamesAndThoseForPeopleARunbook) {
  for (int i = 0; i <= static_cast<int>(kLastReason); ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_FALSE(name_of(reason).empty());
    EXPECT_EQ(runbook(reason).empty(), !needs_action(reason)) << name_of(reason);
  }
  EXPECT_EQ(runbook(Reason::kServersNotReady),
            " (runbook: docs/runbooks/natscluster.md#serversnotready)");
}

}  // namespace
}  // namespace natrix::model
