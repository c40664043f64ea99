// What the user gives and is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/config.h"
#include "operator/local/console/announce.h"
#include "operator/local/console/apply.h"
#include "operator/local/console/kubeconfig.h"
#include "operator/local/memory_api/memory_api.h"
#include "operator/model/crd.h"
#include "tests/support/temp_dir.h"

namespace natrix::console {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class Console : public ::testing::Test {
 protected:
  void SetUp() override {
    memory_api::MemoryApi api(server_);
    ASSERT_TRUE(
        api.create(kube::kCustomResourceDefinitions, Json::parse(model::cluster_crd().dump()))
            .ok());
  }
  // What was done; one line with the error when it failed.
  std::vector<std::string> lines(const char* text) {
    auto applied = apply(text);
    return applied ? *applied : std::vector<std::string>{applied.error().message};
  }
  Result<std::vector<std::string>> apply(const char* text) {
    auto documents = read_manifests({dir_.write("m.yaml", text)});
    if (!documents) return fail(documents.error().message);
    return apply_all(server_, *documents);
  }

  tests::TempDir dir_;
  memory_api::ApiServer server_;
  workload::Objects objects_{server_, "test"};
};

constexpr const char* kCluster = R"(
apiVersion: natrix.dev/v1alpha1
kind: NatsCluster
metadata: {name: nats}
spec: {replicas: 3}
)";

TEST_F(Console, ManifestsAreAppliedInOrderAndMoreThanOnce) {
  const char* text = R"(
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: shop}
data: {a: b}
---
apiVersion: natrix.dev/v1alpha1
kind: NatsCluster
metadata: {name: nats}
spec: {}
)";
  EXPECT_THAT(lines(text), ElementsAre("namespace/shop created", "configmap/c created",
                                       "natscluster.natrix.dev/nats created"));
  EXPECT_THAT(lines(text), ElementsAre("namespace/shop configured", "configmap/c configured",
                                       "natscluster.natrix.dev/nats configured"));
  EXPECT_TRUE(objects_.get(kube::kConfigMaps, "shop", "c"));
}

TEST_F(Console, WhatCannotBeAppliedIsNamedWithItsPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n", "Deployment of apps/v1"},
      {"apiVersion: natrix.dev/v1alpha1\nkind: NatsCluster\nmetadata: {name: nn}\nspec: {replica: "
       "1}\n",
       "replica"},
      {"apiVersion: natrix.dev/v1alpha1\nkind: NatsCluster\nmetadata: {name: nn}\nspec: {replicas: "
       "-1}\n",
       "spec.replicas"},
      {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: nowhere}\n", "nowhere"},
  };
  for (const auto& [text, wanted] : cases) {
    const auto applied = apply(text);
    ASSERT_FALSE(applied.ok()) << text;
    EXPECT_THAT(applied.error().message, AllOf(HasSubstr("m.yaml: object 1: "), HasSubstr(wanted)));
  }
  EXPECT_THAT(apply("").error().message, HasSubstr("there is no object in it"));
}

TEST_F(Console, TheKubeconfigIsOneTheOperatorItselfUnderstands) {
  const std::string path = (dir_.path() / "kubeconfig").string();
  ASSERT_TRUE(write_kubeconfig(path, "http://127.0.0.1:7001").ok());
  const auto read = kube::discover_config(path, "");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->server, "http://127.0.0.1:7001");
  EXPECT_EQ(read->ns, "default");
  EXPECT_THAT(write_kubeconfig("/no/such/dir/k", "x").error().message, HasSubstr("/no/such/dir/k"));
}

class Announcements : public Console {
 protected:
  void set_ready(bool ready) {
    const kube::ResourceType type{"natrix.dev", "v1alpha1", "natsclusters", "NatsCluster", true};
    const Json cluster = *objects_.get(type, "default", "nats");
    Json status = cluster.value("status", Json::object());
    status["conditions"] = Json::array({{{"type", "Ready"},
                                         {"status", ready ? "True" : "False"},
                                         {"reason", "AllServersReady"},
                                         {"message", ""},
                                         {"lastTransitionTime", objects_.now()}}});
    ASSERT_TRUE(objects_.update_status(type, cluster, status));
  }

  std::vector<std::string> said_;
  Announcer announcer_{server_, [this](const std::string& text) { said_.push_back(text); }};
};

TEST_F(Announcements, ComeOnceWhenAClusterIsReady) {
  ASSERT_TRUE(apply(kCluster).ok());
  ASSERT_TRUE(apply(R"(
apiVersion: v1
kind: Service
metadata: {name: nats}
spec:
  clusterIP: 127.9.0.2
  selector: {a: b}
  ports: [{name: nats, port: 4333}]
---
apiVersion: v1
kind: Pod
metadata: {name: nats-0, labels: {natrix.dev/cluster: nats}}
spec:
  containers:
  - name: nats
    image: nats
    ports: [{name: nats, containerPort: 4222}, {name: monitor, containerPort: 8222}]
)")
                  .ok());
  const Json pod = *objects_.get(kube::kPods, "default", "nats-0");
  Json status = pod["status"];
  status["podIP"] = "127.9.16.2";
  ASSERT_TRUE(objects_.update_status(kube::kPods, pod, status));
  announcer_.sync();
  EXPECT_THAT(said_, SizeIs(0));
  set_ready(true);
  announcer_.sync();
  announcer_.sync();
  ASSERT_THAT(said_, SizeIs(1));
  EXPECT_EQ(said_[0],
            "NatsCluster default/nats is ready\n"
            "  clients    nats://127.9.0.2:4333\n"
            "  nats-0     nats://127.9.16.2:4222   http://127.9.16.2:8222/metrics\n");
  // Back as it was: nothing new to say.
  set_ready(false);
  announcer_.sync();
  set_ready(true);
  announcer_.sync();
  EXPECT_THAT(said_, SizeIs(1));
}

}  // namespace
}  // namespace natrix::console
