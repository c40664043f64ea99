// The whole operator against the in-memory API server over HTTP: from a NatsCluster to its children
// and back, through the real client, informers, queue and reconciler.
#include "operator/main/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "operator/kube/resources.h"
#include "operator/local/http_front/api_handler.h"
#include "operator/local/http_front/http_front.h"
#include "operator/local/memory_api/memory_api.h"
#include "operator/model/cluster.h"
#include "operator/model/crd.h"
#include "tests/support/temp_dir.h"

namespace natrix::operator_main {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using kube::ObjectRef;

const kube::ResourceType kClusters{model::kGroup, model::kVersion, model::kPlural, model::kKind,
                                   true};

class RunTest : public testing::Test {
 protected:
  void SetUp() override {
    auto created =
        api_.create(kube::kCustomResourceDefinitions, Json::parse(model::cluster_crd().dump()));
    ASSERT_TRUE(created) << created.error().message;
    auto port = front_.start(0);
    ASSERT_TRUE(port) << port.error().message;
    options_.kubeconfig = dir_.write("kubeconfig", fmt::format(R"(
current-context: m
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{}"}}}}]
contexts: [{{name: m, context: {{cluster: c, namespace: default}}}}]
)",
                                                               *port));
    options_.metrics_address = "off";
    options_.api_qps = 0;
  }
  void start() {
    stop_ = std::make_unique<StopRequest>();
    runner_ = std::thread([this] { exit_code_ = run(options_, *stop_, log_); });
  }
  void TearDown() override {
    if (runner_.joinable()) {
      stop_->fail();
      runner_.join();
      EXPECT_EQ(exit_code_, 1);
    }
    server_.stop();
    front_.stop();
  }

  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 1500; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  std::optional<Json> find(const kube::ResourceType& type, const std::string& name) {
    auto object = api_.get({type, "default", name});
    if (!object) return std::nullopt;
    return *object;
  }
  void create_cluster(const std::string& name, int replicas) {
    Json cluster = {{"apiVersion", model::kApiVersion},
                    {"kind", model::kKind},
                    {"metadata", {{"namespace", "default"}, {"name", name}}},
                    {"spec", {{"replicas", replicas}}}};
    auto created = api_.create(kClusters, cluster);
    ASSERT_TRUE(created) << created.error().message;
  }
  bool has_set_of(const std::string& name, int replicas) {
    auto set = find(kube::kStatefulSets, name);
    return set && (*set)["spec"]["replicas"] == replicas;
  }

  tests::TempDir dir_;
  memory_api::ApiServer server_;
  memory_api::MemoryApi api_{server_};
  http_front::ApiHandler handler_{server_};
  http_front::HttpFront front_{
      [this](const http_front::Request& request) { return handler_.handle(request); }};
  std::mutex lines_mutex_;
  std::string lines_;
  ops::Log log_{[this](std::string_view line) {
    std::lock_guard lock(lines_mutex_);
    lines_.append(line).append("\n");
  }};
  Options options_;
  std::unique_ptr<StopRequest> stop_;
  std::thread runner_;
  int exit_code_ = -1;
};

TEST_F(RunTest, MakesChildrenFollowsChangesAndRepairsThem) {
  create_cluster("before", 1);
  start();
  EXPECT_TRUE(eventually([&] { return has_set_of("before", 1); })) << lines_;
  create_cluster("orders", 3);
  EXPECT_TRUE(eventually([&] { return has_set_of("orders", 3); })) << lines_;
  EXPECT_TRUE(eventually([&] {
    auto cluster = find(kClusters, "orders");
    return cluster && cluster->contains("status") && (*cluster)["status"].contains("conditions");
  })) << lines_;

  auto patched = api_.merge_patch({kClusters, "default", "orders"}, {{"spec", {{"replicas", 5}}}});
  ASSERT_TRUE(patched) << patched.error().message;
  EXPECT_TRUE(eventually([&] { return has_set_of("orders", 5); })) << lines_;

  auto service = find(kube::kServices, "orders");
  ASSERT_TRUE(service.has_value());
  std::string uid = (*service)["metadata"]["uid"];
  ASSERT_TRUE(api_.remove({kube::kServices, "default", "orders"}, {.uid = uid},
                          kube::Propagation::kBackground));
  EXPECT_TRUE(eventually([&] {
    auto again = find(kube::kServices, "orders");
    return again && (*again)["metadata"]["uid"] != uid;
  })) << lines_;
}

TEST_F(RunTest, WritesNothingOnceAllIsAsItShouldBe) {
  create_cluster("orders", 3);
  start();
  ASSERT_TRUE(eventually([&] { return has_set_of("orders", 3); })) << lines_;
  uint64_t revision = server_.revision();
  auto settled = [&] {
    uint64_t before = revision;
    std::this_thread::sleep_for(1s);
    revision = server_.revision();
    return before == revision;
  };
  bool quiet = false;
  for (int i = 0; i < 10 && !quiet; ++i) quiet = settled();
  ASSERT_TRUE(quiet) << lines_;
  EXPECT_TRUE(settled()) << lines_;
}

TEST_F(RunTest, OneNamespaceModeLeavesOthersAlone) {
  options_.ns = "elsewhere";
  create_cluster("orders", 1);
  start();
  std::this_thread::sleep_for(1s);
  EXPECT_FALSE(find(kube::kStatefulSets, "orders").has_value());
}

TEST_F(RunTest, StandbyActsOnlyWithTheLease) {
  Json lease = {{"apiVersion", "coordination.k8s.io/v1"},
                {"kind", "Lease"},
                {"metadata", {{"namespace", "default"}, {"name", "natrix-operator"}}},
                {"spec", {{"holderIdentity", "other"}, {"leaseDurationSeconds", 3}}}};
  auto held = api_.create(kube::kLeases, lease);
  ASSERT_TRUE(held) << held.error().message;
  options_.leader_elect = true;
  create_cluster("orders", 1);
  start();
  std::this_thread::sleep_for(2s);
  EXPECT_FALSE(find(kube::kStatefulSets, "orders").has_value());
  EXPECT_TRUE(eventually([&] { return has_set_of("orders", 1); })) << lines_;
  auto now = find(kube::kLeases, "natrix-operator");
  EXPECT_NE((*now)["spec"]["holderIdentity"], "other");
}

}  // namespace
}  // namespace natrix::operator_main
