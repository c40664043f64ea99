// The HTTP front without a client: paths, tables, media types, and the suite through HttpApi.
#include <gmock/gmock.h>

#include "operator/kube/cpprest/transport.h"
#include "operator/kube/http_api.h"
#include "operator/local/http_front/api_handler.h"
#include "operator/local/http_front/discovery.h"
#include "operator/local/http_front/http_front.h"
#include "operator/local/http_front/jsonpath.h"
#include "operator/local/http_front/media.h"
#include "operator/local/http_front/protobuf.h"
#include "operator/local/http_front/table.h"
#include "operator/local/memory_api/memory_api.h"
#include "tests/unit/operator_local/api_conformance.h"

namespace natrix::testing {

using http_front::ApiHandler;
using http_front::HttpFront;
using http_front::parse_route;
using http_front::Request;
using http_front::Response;
using memory_api::ApiServer;
using memory_api::MemoryApi;

namespace {

// A real client and a real server on loopback with the in-memory API behind it.
struct OverHttp {
  OverHttp() {
    const Result<int> port = front.start(0);
    EXPECT_TRUE(port.ok());
    kube::ClusterConfig config;
    config.server = fmt::format("http://127.0.0.1:{}", *port);
    kube::HttpApiOptions options;
    options.requests_per_second = 0;
    client = std::make_unique<kube::HttpApi>(config, kube::make_cpprest_transport, options,
                                             ops::system_clock(), log);
  }
  ~OverHttp() {
    client->shutdown();
    server.stop();
    front.stop();
  }

  ApiServer server;
  ApiHandler handler{server};
  HttpFront front{[this](const Request& request) { return handler.handle(request); }};
  ops::Log log{[](std::string_view) {}};
  std::unique_ptr<kube::HttpApi> client;
};

// One server for the whole suite: stopping one takes a second.
class HttpEnvironment : public ::testing::Environment {
 public:
  void TearDown() override { over_http_.reset(); }
  std::shared_ptr<kube::Api> open() {
    if (!over_http_) over_http_ = std::make_shared<OverHttp>();
    return {over_http_, over_http_->client.get()};
  }

 private:
  std::shared_ptr<OverHttp> over_http_;
};

HttpEnvironment* const g_environment =
    static_cast<HttpEnvironment*>(::testing::AddGlobalTestEnvironment(new HttpEnvironment));

ApiSubject http_subject() {
  return {"Http", [] { return g_environment->open(); }};
}

Json parse(const Response& response) {
  return Json::parse(response.body);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Http, ApiConformance, ::testing::Values(http_subject()),
                         [](const auto& subject) { return subject.param.name; });

TEST(Route, Table) {
  struct Row {
    const char* path;
    const char* expected;  // group|version|plural|ns|name|subresource
  };
  const Row table[] = {
      {"/api/v1/pods", "|v1|pods|||"},
      {"/api/v1/namespaces", "|v1|namespaces|||"},
      {"/api/v1/namespaces/a", "|v1|namespaces||a|"},
      {"/api/v1/namespaces/a/status", "|v1|namespaces||a|status"},
      {"/api/v1/namespaces/a/pods", "|v1|pods|a||"},
      {"/api/v1/namespaces/a/pods/b", "|v1|pods|a|b|"},
      {"/api/v1/namespaces/a/pods/b/log", "|v1|pods|a|b|log"},
      {"/apis/apps/v1/namespaces/a/statefulsets/b/scale", "apps|v1|statefulsets|a|b|scale"},
      {"/apis/natrix.dev/v1alpha1/natsclusters", "natrix.dev|v1alpha1|natsclusters|||"},
      {"/api/v1", ""},
      {"/apis/apps/v1", ""},
      {"/metrics", ""},
      {"/api/v1/namespaces/a/pods/b/log/c", ""},
      {"", ""},
  };
  for (const Row& row : table) {
    const auto route = parse_route(row.path);
    const std::string got =
        route ? fmt::format("{}|{}|{}|{}|{}|{}", route->group, route->version, route->plural,
                            route->ns, route->name, route->subresource)
              : "";
    EXPECT_EQ(got, row.expected) << row.path;
  }
}

TEST(JsonPath, Table) {
  const Json document = Json::parse(R"({"a":{"b":1,"c.d":"dotted","list":[{"n":"x","v":1},
      {"n":"y","v":2}]},"labels":{"app.kubernetes.io/name":"nats"},
      "conditions":[{"type":"Ready","status":"True"},{"type":"Other","status":"False"}]})");
  const std::pair<const char*, const char*> table[] = {
      {".a.b", "[1]"},
      {"a.b", "[1]"},
      {"{.a.b}", "[1]"},
      {".a.c\\.d", R"(["dotted"])"},
      {".a['c.d']", R"(["dotted"])"},
      {".labels.app\\.kubernetes\\.io/name", R"(["nats"])"},
      {".a.list[0].n", R"(["x"])"},
      {".a.list[-1].n", R"(["y"])"},
      {".a.list[7].n", "[]"},
      {".a.list[*].v", "[1,2]"},
      {R"(.conditions[?(@.type=="Ready")].status)", R"(["True"])"},
      {R"(.conditions[?(@.type=='Nope')].status)", "[]"},
      {".nothing.here", "[]"},
      {".a.b.c", "[]"},
  };
  for (const auto& [path, expected] : table) {
    const auto found = http_front::select_path(document, path);
    ASSERT_TRUE(found.ok()) << path;
    EXPECT_EQ(Json(*found).dump(), expected) << path;
  }
  for (const char* path : {".a[", ".a[?(@.b>1)]", ".a[b]", ".a['x"}) {
    EXPECT_FALSE(http_front::select_path(document, path).ok()) << path;
  }
}

TEST(Table, Durations) {
  const std::pair<int64_t, const char*> table[] = {{-5, "0s"},
                                                   {0, "0s"},
                                                   {119, "119s"},
                                                   {120, "2m"},
                                                   {190, "3m10s"},
                                                   {600, "10m"},
                                                   {3 * 3600 - 1, "179m"},
                                                   {3 * 3600 + 60, "3h1m"},
                                                   {9 * 3600, "9h"},
                                                   {48 * 3600, "2d"},
                                                   {49 * 3600, "2d1h"},
                                                   {30 * 86400, "30d"},
                                                   {800 * 86400, "2y70d"}};
  for (const auto& [seconds, expected] : table) {
    EXPECT_EQ(http_front::human_duration(std::chrono::seconds(seconds)), expected) << seconds;
  }
}

TEST(Table, PodsShowTheMostTellingState) {
  const auto type = memory_api::TypeTable().find("", "v1", "pods");
  const auto cells = [&](const char* status) {
    Json pod = {{"metadata", {{"name", "p"}}},
                {"spec", {{"containers", {Json::object(), Json::object()}}}},
                {"status", Json::parse(status)}};
    return http_front::make_table(*type, {pod}, http_front::IncludeObject::kNone,
                                  {})["rows"][0]["cells"];
  };
  EXPECT_EQ(cells(R"({"phase":"Pending"})")[2], "Pending");
  const Json waiting = cells(R"({"phase":"Running","containerStatuses":[{"ready":true,
      "restartCount":2,"state":{"running":{}}},{"ready":false,"restartCount":1,
      "state":{"waiting":{"reason":"CrashLoopBackOff"}}}]})");
  EXPECT_EQ(waiting[1], "1/2");
  EXPECT_EQ(waiting[2], "CrashLoopBackOff");
  EXPECT_EQ(waiting[3], "3");
}

TEST(Media, Forms) {
  using http_front::Form;
  EXPECT_EQ(http_front::wanted_form(""), Form::kObject);
  EXPECT_EQ(http_front::wanted_form("application/json"), Form::kObject);
  EXPECT_EQ(
      http_front::wanted_form("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
      Form::kTable);
  EXPECT_EQ(http_front::wanted_form("application/vnd.kubernetes.protobuf,application/json"),
            Form::kObject);
  EXPECT_EQ(http_front::wanted_form("application/json;as=PartialObjectMetadataList;v=v1"),
            Form::kMetadata);
}

TEST(Protobuf, ReadsWhatKubectlCreateSends) {
  const auto field = [](int number, const std::string& content) {
    std::string out(1, static_cast<char>(number << 3 | 2));
    out += static_cast<char>(content.size());
    return out + content;
  };
  const auto message = [&](const std::string& kind, const std::string& raw) {
    return std::string("k8s\0", 4) + field(1, field(1, "v1") + field(2, kind)) + field(2, raw) +
           field(3, "") + field(4, "");
  };
  const std::string secret = field(1, field(1, "auth") + field(2, "") + field(3, "ns")) +
                             field(2, field(1, "user") + field(2, "admin")) + field(3, "Opaque");
  const auto parsed = http_front::parse_protobuf(message("Secret", secret));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(*parsed, Json::parse(R"({"apiVersion":"v1","kind":"Secret","type":"Opaque",
      "metadata":{"name":"auth","namespace":"ns"},"data":{"user":"YWRtaW4="}})"));
  const auto pod = http_front::parse_protobuf(message("Pod", ""));
  ASSERT_FALSE(pod.ok());
  EXPECT_THAT(pod.error().message, ::testing::HasSubstr("kubectl apply -f -"));
  const std::string whole = message("Secret", secret);
  for (size_t cut = 0; cut < whole.size() - 4; ++cut) {
    EXPECT_FALSE(http_front::parse_protobuf(whole.substr(0, cut)).ok()) << cut;
  }
}

TEST(ApiHandler, DiscoveryNamesEverything) {
  ApiServer server;
  MemoryApi api(server);
  install_test_definition(api);
  ApiHandler handler(server);
  const Json groups = parse(handler.handle({"GET", "/apis"}));
  std::vector<std::string> names;
  for (const Json& group : groups["groups"]) names.push_back(group["name"]);
  EXPECT_THAT(names, ::testing::IsSupersetOf({"apps", "policy", "conformance.natrix.dev"}));
  const Json list = parse(handler.handle({"GET", "/apis/conformance.natrix.dev/v1"}));
  std::vector<std::string> resources;
  for (const Json& resource : list["resources"]) resources.push_back(resource["name"]);
  EXPECT_THAT(resources, ::testing::ElementsAre("widgets", "widgets/status", "widgets/scale"));
  EXPECT_EQ(handler.handle({"GET", "/apis/nope"}).status, 404);
  const Json index = parse(handler.handle({"GET", "/openapi/v3"}));
  for (const auto& path : index["paths"].items()) {
    const Response page =
        handler.handle({"GET", path.value()["serverRelativeURL"].get<std::string>()});
    ASSERT_EQ(page.status, 200);
    EXPECT_FALSE(parse(page)["components"]["schemas"].empty());
  }
}

TEST(ApiHandler, TablesOfCustomResources) {
  ApiServer server;
  MemoryApi api(server);
  install_test_definition(api);
  ASSERT_TRUE(api.create(kWidgets, {{"metadata", {{"name", "w"}, {"namespace", "default"}}}}).ok());
  ApiHandler handler(server);
  Request request{"GET", "/apis/conformance.natrix.dev/v1/widgets"};
  request.accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const Json table = parse(handler.handle(request));
  EXPECT_EQ(table["kind"], "Table");
  ASSERT_EQ(table["columnDefinitions"].size(), 3U);
  EXPECT_EQ(table["columnDefinitions"][1]["name"], "Replicas");
  EXPECT_EQ(table["rows"][0]["cells"][0], "w");
  EXPECT_EQ(table["rows"][0]["cells"][1], 3);
  EXPECT_EQ(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
}

TEST(ApiHandler, RefusalsAreStatusObjects) {
  ApiServer server;
  ApiHandler handler(server);
  struct Row {
    Request request;
    int status;
    const char* words;
  };
  const auto patch = [](const char* type) {
    Request request{"PATCH", "/api/v1/namespaces/default/configmaps/a"};
    request.content_type = type;
    request.body = "{}";
    return request;
  };
  const Row table[] = {
      {{"GET", "/api/v1/namespaces/default/configmaps/a"}, 404, "not found"},
      {{"GET", "/api/v1/configmaps/a"}, 404, "could not find"},
      {{"GET", "/api/v1/secrets", {{"labelSelector", "a in b"}}}, 400, "selector"},
      {{"POST", "/api/v1/namespaces/default/pods/x"}, 405, "does not allow"},
      {{"GET", "/api/v1/namespaces/default/pods/x/exec"}, 405, "embedded mode"},
      {{"GET", "/api/v1/namespaces/default/pods/x/log"}, 501, "no pods"},
      {patch("text/plain"), 415, "patches come as"},
      {patch("application/apply-patch+yaml"), 400, "fieldManager"},
      {patch("application/merge-patch+json"), 404, "not found"},
  };
  for (const Row& row : table) {
    const Response response = handler.handle(row.request);
    EXPECT_EQ(response.status, row.status) << row.request.path;
    const Json status = parse(response);
    EXPECT_EQ(status["kind"], "Status");
    EXPECT_THAT(status["message"].get<std::string>(), ::testing::HasSubstr(row.words));
  }
}

TEST(ApiHandler, UnknownFieldsWarnOrAreRefused) {
  ApiServer server;
  ApiHandler handler(server);
  Request request{"POST", "/api/v1/namespaces/default/configmaps"};
  request.body = R"({"metadata":{"name":"a"},"dta":{}})";
  request.query = {{"fieldValidation", "Strict"}};
  EXPECT_EQ(handler.handle(request).status, 400);
  request.query = {{"dryRun", "All"}};
  const Response warned = handler.handle(request);
  EXPECT_EQ(warned.status, 201);
  EXPECT_THAT(warned.warnings, ::testing::ElementsAre("unknown field \"dta\""));
}

TEST(HttpFront, RefusesWebPages) {
  ApiServer server;
  ApiHandler handler(server);
  HttpFront front([&](const Request& request) { return handler.handle(request); });
  const Result<int> port = front.start(0);
  ASSERT_TRUE(port.ok());
  const auto status = [&](const std::string& headers) {
    const std::string command = fmt::format(
        "curl -s -o /dev/null -w '%{{http_code}}' {} http://127.0.0.1:{}/version", headers, *port);
    FILE* pipe = popen(command.c_str(), "r");
    char text[8] = {};
    EXPECT_NE(fgets(text, sizeof(text), pipe), nullptr);
    pclose(pipe);
    return std::string(text);
  };
  if (std::system("curl --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "curl is not installed";
  EXPECT_EQ(status(""), "200");
  EXPECT_EQ(status("-H 'Host: localhost:80'"), "200");
  EXPECT_EQ(status("-H 'Origin: https://example.com'"), "403");
  EXPECT_EQ(status("-H 'Host: rebound.example.com'"), "403");
  server.stop();
}

TEST(HttpFront, ATakenPortIsSaidToBeTaken) {
  HttpFront first([](const Request&) { return Response(); });
  HttpFront second([](const Request&) { return Response(); });
  const Result<int> port = first.start(0);
  ASSERT_TRUE(port.ok());
  const Result<int> again = second.start(*port);
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(again.error().message, ::testing::HasSubstr(std::to_string(*port)));
}

}  // namespace natrix::testing
