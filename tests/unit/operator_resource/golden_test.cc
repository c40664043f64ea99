// The children of two clusters, compared with files that are reviewed: a change here is a change
// to running clusters. NATRIX_UPDATE_GOLDEN=1 rewrites the files.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/unit/operator_resource/sample.h"

namespace natrix::resource {
namespace {

void expect_golden(const model::Cluster& cluster, const std::string& file) {
  Json documents = Json::array();
  for (const Child& child : children_of(cluster)) documents.push_back(child.object);
  const std::string path = std::string(NATRIX_GOLDEN_DIR) + "/" + file;
  const std::string text = documents.dump(2) + "\n";
  if (std::getenv("NATRIX_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream in(path);
  std::stringstream golden;
  golden << in.rdbuf();
  EXPECT_EQ(golden.str(), text) << "differs from " << path;
}

TEST(Golden, TheSmallestCluster) {
  expect_golden(cluster_of("{}"), "smallest.json");
}

TEST(Golden, AClusterThatUsesEveryField) {
  expect_golden(cluster_of(R"({
    "replicas": 5,
    "image": {"registry": "r.example", "repository": "nats", "tag": "2.12", "pullPolicy": "Always",
              "pullSecrets": [{"name": "pull"}]},
    "config": {"nats": {"port": 4333}, "cluster": {"port": 6333}, "monitor": {"port": 8333},
               "serverNamePrefix": "east-", "lameDuck": {"duration": "1m"}},
    "storage": {"size": "5Gi", "storageClassName": "fast", "mountPath": "/store"},
    "auth": {"mode": "Token", "tokenSecretRef": {"name": "t"}},
    "container": {"env": [{"name": "A", "value": "b"}], "resources": {"limits": {"cpu": 1}},
                  "securityContext": {"runAsUser": 7}},
    "podTemplate": {"metadata": {"labels": {"l": "1"}, "annotations": {"a": "2"}},
      "affinity": {"nodeAffinity": {}}, "topologySpreadConstraints": [{"maxSkew": 2,
      "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}],
      "tolerations": [{"operator": "Exists"}], "nodeSelector": {"n": "3"},
      "priorityClassName": "high", "securityContext": {"fsGroup": 9},
      "terminationGracePeriodSeconds": 100},
    "service": {"type": "LoadBalancer", "annotations": {"s": "4"}, "ports": {"monitor": {"enabled": true}}},
    "podDisruptionBudget": {"maxUnavailable": "50%"}})",
                           "orders"),
                "full.json");
}

}  // namespace
}  // namespace natrix::resource
