// The real kubectl against the HTTP front. Skipped, visibly, where there is none. More than one can
// be tried: NATRIX_TEST_KUBECTL is a list of paths separated by ':' (default: kubectl of the PATH).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <thread>

#include "operator/kube/resources.h"
#include "operator/local/http_front/api_handler.h"
#include "operator/local/http_front/http_front.h"
#include "operator/local/memory_api/memory_api.h"
#include "operator/model/crd.h"
#include "tests/support/temp_dir.h"

namespace natrix::testing {

using http_front::Request;
using kube::Json;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

namespace {

std::vector<std::string> kubectls() {
  const char* given = std::getenv("NATRIX_TEST_KUBECTL");
  std::vector<std::string> out;
  for (std::string rest = given == nullptr ? "kubectl" : given; !rest.empty();) {
    const size_t colon = rest.find(':');
    out.push_back(rest.substr(0, colon));
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return out;
}

class Kubectl : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    int status = 0;
    const std::string version = shell(GetParam() + " version --client -o json", status);
    if (status != 0) GTEST_SKIP() << "no working kubectl at \"" << GetParam() << "\"";
    minor_ = std::stoi(Json::parse(version)["clientVersion"]["minor"].get<std::string>());
    const auto made =
        api_.create(kube::kCustomResourceDefinitions, Json::parse(model::cluster_crd().dump()));
    ASSERT_TRUE(made.ok()) << made.error().message;
    const Result<int> port = front_.start(0);
    ASSERT_TRUE(port.ok()) << port.error().message;
    base_ = fmt::format("KUBECONFIG=/dev/null HOME={} {} --server=http://127.0.0.1:{} ",
                        dir_.path().string(), GetParam(), *port);
  }
  void TearDown() override { server_.stop(); }

  static std::string shell(const std::string& command, int& status) {
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    std::string out;
    char buffer[4096];
    for (size_t n = 0; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) out.append(buffer, n);
    const int result = pclose(pipe);
    status = WIFEXITED(result) ? WEXITSTATUS(result) : -1;
    return out;
  }
  // Must succeed; the output.
  std::string run(const std::string& arguments) {
    int status = 0;
    std::string out = shell(base_ + arguments, status);
    EXPECT_EQ(status, 0) << arguments << "\n" << out;
    return out;
  }
  // Must fail; the output.
  std::string refuse(const std::string& arguments) {
    int status = 0;
    std::string out = shell(base_ + arguments, status);
    EXPECT_NE(status, 0) << arguments << "\n" << out;
    return out;
  }
  std::string file(const std::string& name, const std::string& text) {
    return dir_.write(name, text);
  }
  std::string cluster_file(int replicas) {
    return file("cluster.yaml", fmt::format("apiVersion: natrix.dev/v1alpha1\nkind: NatsCluster\n"
                                            "metadata: {{name: orders}}\nspec:\n  replicas: {}\n",
                                            replicas));
  }

  int minor_ = 0;
  tests::TempDir dir_;
  memory_api::ApiServer server_;
  memory_api::MemoryApi api_{server_};
  http_front::ApiHandler handler_{server_};
  http_front::HttpFront front_{[this](const Request& request) { return handler_.handle(request); }};
  std::string base_;
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Each, Kubectl, ::testing::ValuesIn(kubectls()),
                         [](const auto& subject) { return fmt::format("n{}", subject.index); });

TEST_P(Kubectl, AppliesAndPrunesByThreeWayMerge) {
  const std::string path = cluster_file(3);
  EXPECT_THAT(run("apply -f " + path), HasSubstr("natscluster.natrix.dev/orders created"));
  EXPECT_THAT(run("apply -f " + path), HasSubstr("unchanged"));
  EXPECT_THAT(run("apply -f " + cluster_file(5)), HasSubstr("configured"));
  EXPECT_EQ(run("get natscluster orders -o jsonpath={.spec.replicas}"), "5");
  file("cluster.yaml",
       "apiVersion: natrix.dev/v1alpha1\nkind: NatsCluster\nmetadata: {name: orders}\nspec: {}\n");
  EXPECT_THAT(run("apply -f " + path), HasSubstr("configured"));
  EXPECT_NE(run("get natscluster orders -o jsonpath={.spec.replicas}"), "5");
}

TEST_P(Kubectl, AppliesBuiltinKindsByStrategicMerge) {
  const auto set = [&](const char* image, const char* side) {
    return file("set.yaml",
                fmt::format("apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: s}}\n"
                            "spec:\n  replicas: 0\n  serviceName: s\n"
                            "  selector: {{matchLabels: {{app: s}}}}\n"
                            "  template:\n    metadata: {{labels: {{app: s}}}}\n    spec:\n"
                            "      containers:\n      - {{name: nats, image: \"{}\"}}\n{}",
                            image, side));
  };
  run("apply -f " + set("nats:1", "      - {name: side, image: \"side:1\"}\n"));
  const std::string images = "get sts s -o jsonpath='{.spec.template.spec.containers[*].image}'";
  EXPECT_EQ(run(images), "nats:1 side:1");
  run("set image sts/s side=side:2");
  EXPECT_EQ(run(images), "nats:1 side:2");
  run("apply -f " + set("nats:2", ""));
  EXPECT_EQ(run(images), "nats:2");
  EXPECT_THAT(run("get sts"), HasSubstr("0/0"));
}

TEST_P(Kubectl, AppliesOnTheServerSide) {
  const std::string path = cluster_file(3);
  EXPECT_THAT(run("apply --server-side -f " + path), HasSubstr("serverside-applied"));
  run("scale natscluster/orders --replicas=5");
  EXPECT_THAT(refuse("apply --server-side -f " + path), HasSubstr(".spec.replicas"));
  run("apply --server-side --force-conflicts -f " + path);
  EXPECT_EQ(run("get natscluster orders -o jsonpath={.spec.replicas}"), "3");
}

TEST_P(Kubectl, RefusesWhatTheSchemaRefuses) {
  const std::string path =
      file("bad.yaml",
           "apiVersion: natrix.dev/v1alpha1\nkind: NatsCluster\nmetadata: {name: bad}\n"
           "spec: {replicas: -1}\n");
  EXPECT_THAT(refuse("apply -f " + path), HasSubstr("spec.replicas"));
  file("bad.yaml",
       "apiVersion: natrix.dev/v1alpha1\nkind: NatsCluster\nmetadata: {name: bad}\n"
       "spec: {replicsa: 1}\n");
  EXPECT_THAT(refuse("apply -f " + path), HasSubstr("replicsa"));
}

TEST_P(Kubectl, GetsTablesAndDocuments) {
  run("apply -f " + cluster_file(3));
  EXPECT_THAT(run("get natsclusters"), MatchesRegex("NAME.*REPLICAS.*\norders.*3.*\n"));
  EXPECT_THAT(run("get nc -o wide"), HasSubstr("orders"));
  EXPECT_THAT(run("get nats"), HasSubstr("orders")) << "by category";
  EXPECT_EQ(Json::parse(run("get nc orders -o json"))["kind"], "NatsCluster");
  EXPECT_THAT(run("get nc orders -o yaml"), HasSubstr("replicas: 3"));
  EXPECT_THAT(run("get nc,cm,svc,sts,pods,pvc,secrets,events,pdb,nodes,ns -A"),
              HasSubstr("namespace/kube-system"));
  EXPECT_THAT(run("api-resources"), HasSubstr("natsclusters"));
  EXPECT_THAT(run("get all"), HasSubstr("natscluster.natrix.dev/orders"));
}

TEST_P(Kubectl, ScalesPatchesLabels) {
  run("apply -f " + cluster_file(3));
  EXPECT_THAT(run("scale natscluster/orders --replicas=5"), HasSubstr("scaled"));
  EXPECT_EQ(run("get nc orders -o jsonpath={.spec.replicas}"), "5");
  run("patch nc orders --type=merge -p '{\"spec\":{\"replicas\":1}}'");
  EXPECT_EQ(run("get nc orders -o jsonpath={.spec.replicas}"), "1");
  run("patch nc orders --type=json -p '[{\"op\":\"replace\",\"path\":\"/spec/replicas\","
      "\"value\":3}]'");
  EXPECT_EQ(run("get nc orders -o jsonpath={.spec.replicas}"), "3");
  run("label nc orders team=a");
  run("annotate nc orders why=test");
  EXPECT_THAT(run("get nc -l team=a"), HasSubstr("orders"));
  EXPECT_THAT(run("get nc -l team!=a"), HasSubstr("No resources found"));
  run("label nc orders team-");
  EXPECT_EQ(run("get nc orders -o jsonpath={.metadata.generation}"), "4");
}

TEST_P(Kubectl, CreatesFromLiterals) {
  run("create secret generic auth --from-literal=user=admin");
  EXPECT_EQ(run("get secret auth -o jsonpath={.data.user}"), "YWRtaW4=");
  run("create configmap conf --from-literal=a=b");
  EXPECT_EQ(run("get cm conf -o jsonpath={.data.a}"), "b");
  run("create namespace shop");
  run("create serviceaccount robot -n shop");
  EXPECT_THAT(run("get sa -n shop"), HasSubstr("robot"));
  EXPECT_THAT(refuse("create configmap conf --from-literal=a=b"), HasSubstr("already exists"));
}

TEST_P(Kubectl, DeletesAndWaits) {
  run("apply -f " + cluster_file(3));
  run("patch nc orders --type=merge -p '{\"metadata\":{\"finalizers\":[\"natrix.dev/test\"]}}'");
  EXPECT_THAT(run("delete nc orders --wait=false"), HasSubstr("deleted"));
  EXPECT_NE(run("get nc orders -o jsonpath={.metadata.deletionTimestamp}"), "");
  std::thread release([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    run("patch nc orders --type=merge -p '{\"metadata\":{\"finalizers\":null}}'");
  });
  run("delete nc orders --timeout=20s");
  release.join();
  EXPECT_THAT(refuse("get nc orders"), HasSubstr("NotFound"));
  run("create ns shop");
  run("delete ns shop --timeout=20s");
}

TEST_P(Kubectl, DescribesWithEvents) {
  run("apply -f " + cluster_file(3));
  const std::string uid = run("get nc orders -o jsonpath={.metadata.uid}");
  const auto made = api_.create(
      kube::kEvents,
      {{"metadata", {{"name", "orders.1"}, {"namespace", "default"}}},
       {"eventTime", "2026-01-02T03:04:05.000000Z"},
       {"reason", "Scaled"},
       {"type", "Normal"},
       {"note", "from three to five"},
       {"reportingController", "natrix.dev/operator"},
       {"regarding",
        {{"kind", "NatsCluster"}, {"name", "orders"}, {"uid", uid}, {"namespace", "default"}}}});
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_THAT(run("describe nc orders"), HasSubstr("from three to five"));
  EXPECT_THAT(run("get events"), HasSubstr("natscluster/orders"));
}

TEST_P(Kubectl, WatchesAndWaits) {
  run("apply -f " + cluster_file(3));
  const std::string log = (dir_.path() / "watch").string();
  int status = 0;
  std::thread watcher(
      [&] { shell("timeout 5 " + ("env " + base_) + "get nc -w -o name > " + log, status); });
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  const auto condition = api_.apply_status(
      {{"natrix.dev", "v1alpha1", "natsclusters", "NatsCluster", true}, "default", "orders"},
      Json::parse(R"({"status":{"conditions":[{"type":"Ready","status":"True","reason":"Ok",
          "message":"","lastTransitionTime":"2026-01-02T03:04:05Z"}]}})"),
      "tester");
  ASSERT_TRUE(condition.ok()) << condition.error().message;
  run("wait --for=condition=Ready nc/orders --timeout=20s");
  run("scale nc/orders --replicas=5");
  watcher.join();
  std::string seen = shell("cat " + log, status);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), '\n'), 3) << seen;
}

TEST_P(Kubectl, ExplainsAndDiffs) {
  const std::string replicas = run("explain nc.spec.replicas");
  EXPECT_THAT(replicas, HasSubstr("replicas"));
  EXPECT_THAT(replicas, HasSubstr("<integer>"));
  EXPECT_THAT(run("explain nc.spec"), HasSubstr("podTemplate"));
  if (minor_ >= 27) {  // OpenAPI v2 has custom resources only
    EXPECT_THAT(run("explain sts.spec.template.spec.containers.readinessProbe"),
                HasSubstr("failureThreshold"));
  }
  run("apply -f " + cluster_file(3));
  EXPECT_THAT(refuse("diff -f " + cluster_file(4)), HasSubstr("+  replicas: 4"));
  EXPECT_EQ(run("get nc orders -o jsonpath={.spec.replicas}"), "3");
}

}  // namespace natrix::testing
