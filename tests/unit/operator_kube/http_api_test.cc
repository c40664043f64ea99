// HttpApi over the real transport against a server that misbehaves on demand.
#include "operator/kube/http_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/cpprest/transport.h"
#include "operator/kube/resources.h"
#include "tests/support/fake_http_server.h"
#include "tests/support/temp_dir.h"

namespace natrix::kube {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using tests::FakeConnection;
using tests::FakeHttpServer;
using tests::FakeRequest;
using SteadyClock = std::chrono::steady_clock;

std::string object_json(const std::string& name, const std::string& version = "1") {
  return Json{{"kind", "Service"},
              {"metadata", {{"name", name}, {"namespace", "shop"}, {"resourceVersion", version}}}}
      .dump();
}

std::string event_line(const char* type, const std::string& name, const std::string& version) {
  return Json{{"type", type}, {"object", Json::parse(object_json(name, version))}}.dump() + "\n";
}

class HttpApiTest : public testing::Test {
 protected:
  void start(FakeHttpServer::Handler handler, HttpApiOptions options = {}) {
    server_ = std::make_unique<FakeHttpServer>(std::move(handler));
    config_.server = server_->url();
    open(std::move(options));
  }
  void open(HttpApiOptions options = {}) {
    options.requests_per_second =
        options.requests_per_second == 20 ? 0 : options.requests_per_second;
    options.random = [] { return 0.5; };
    api_ = std::make_unique<HttpApi>(config_, make_cpprest_transport, std::move(options),
                                     ops::system_clock(), log_);
  }
  // Watches on a thread of its own until `done` says so; returns the names of the events.
  ApiResult<void> watch(std::vector<std::string>& names, const WatchOptions& options = {}) {
    return api_->watch(
        kServices, options,
        [&](const WatchEvent& event) {
          names.push_back(event.object["metadata"]["name"].get<std::string>());
        },
        api_->make_cancel_token());
  }
  template <class T>
  static Errc code_of(const ApiResult<T>& result) {
    EXPECT_FALSE(result.ok());
    return result.ok() ? Errc::kServer : result.error().code;
  }

  const ObjectRef ref_{kServices, "shop", "orders"};
  ops::Log log_{[](std::string_view) {}};
  ClusterConfig config_;
  std::unique_ptr<FakeHttpServer> server_;
  std::unique_ptr<HttpApi> api_;
};

TEST_F(HttpApiTest, GetSendsWhoWeAreAndReturnsTheObject) {
  config_.token.text = "secret";
  start([](const FakeRequest&, FakeConnection& c) { c.respond(200, object_json("orders")); },
        {.user_agent = "natrix-operator/9.9"});
  auto object = api_->get(ref_);
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ((*object)["metadata"]["name"], "orders");
  FakeRequest request = server_->requests().at(0);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/api/v1/namespaces/shop/services/orders");
  EXPECT_EQ(request.headers["user-agent"], "natrix-operator/9.9");
  EXPECT_EQ(request.headers["authorization"], "Bearer secret");
  EXPECT_EQ(request.headers["accept"], "application/json");
}

TEST_F(HttpApiTest, ServerUrlMayHaveAPrefix) {
  server_ = std::make_unique<FakeHttpServer>(
      [](const FakeRequest&, FakeConnection& c) { c.respond(200, object_json("orders")); });
  config_.server = server_->url() + "/k8s/clusters/c-1";
  open();
  ASSERT_TRUE(api_->get(ref_));
  EXPECT_EQ(server_->requests().at(0).target,
            "/k8s/clusters/c-1/api/v1/namespaces/shop/services/orders");
}

TEST_F(HttpApiTest, ConnectionsAreReused) {
  start([](const FakeRequest&, FakeConnection& c) { c.respond(200, object_json("orders")); });
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(api_->get(ref_));
  // The pool takes a connection back a moment after the answer; a second one may be opened.
  EXPECT_LE(server_->connections(), 3);
}

TEST_F(HttpApiTest, WritesCarryTheRightMethodTypeAndQuery) {
  start([](const FakeRequest&, FakeConnection& c) { c.respond(200, object_json("orders", "2")); });
  Json object = Json::parse(object_json("orders"));
  ASSERT_TRUE(api_->create(kServices, object));
  ASSERT_TRUE(api_->replace(ref_, object));
  ASSERT_TRUE(api_->apply(ref_, object, "me"));
  ASSERT_TRUE(api_->apply_status(ref_, object, "me"));
  ASSERT_TRUE(api_->merge_patch(ref_, {{"a", nullptr}}));
  ASSERT_TRUE(api_->remove(ref_, {.uid = "u1", .resource_version = "7"}, Propagation::kOrphan));

  struct Expected {
    const char* method;
    const char* target;
    const char* type;
  };
  const Expected expected[] = {
      {"POST", "/api/v1/namespaces/shop/services?fieldManager=natrix-operator", "application/json"},
      {"PUT", "/api/v1/namespaces/shop/services/orders?fieldManager=natrix-operator",
       "application/json"},
      {"PATCH", "/api/v1/namespaces/shop/services/orders?fieldManager=me&force=true",
       "application/apply-patch+yaml"},
      {"PATCH", "/api/v1/namespaces/shop/services/orders/status?fieldManager=me&force=true",
       "application/apply-patch+yaml"},
      {"PATCH", "/api/v1/namespaces/shop/services/orders?fieldManager=natrix-operator",
       "application/merge-patch+json"},
      {"DELETE", "/api/v1/namespaces/shop/services/orders", "application/json"}};
  auto requests = server_->requests();
  ASSERT_EQ(requests.size(), std::size(expected));
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].method, expected[i].method);
    EXPECT_EQ(requests[i].target, expected[i].target);
    EXPECT_EQ(requests[i].headers["content-type"], expected[i].type);
  }
  Json options = Json::parse(requests.back().body);
  EXPECT_EQ(options["preconditions"], (Json{{"uid", "u1"}, {"resourceVersion", "7"}}));
  EXPECT_EQ(options["propagationPolicy"], "Orphan");
  EXPECT_EQ(Json::parse(requests[4].body), (Json{{"a", nullptr}}));
}

TEST_F(HttpApiTest, RefusesDangerousOrUnsendableWritesWithoutSending) {
  start([](const FakeRequest&, FakeConnection& c) { c.respond(200, "{}"); });
  EXPECT_EQ(code_of(api_->remove(ref_, {}, Propagation::kBackground)), Errc::kInvalid);
  EXPECT_EQ(code_of(api_->create(kServices, {{"metadata", {{"name", "x"}}}})), Errc::kInvalid);
  EXPECT_EQ(code_of(api_->apply(ref_, {{"a", "\xff"}}, "me")), Errc::kInvalid);
  EXPECT_TRUE(server_->requests().empty());
}

TEST_F(HttpApiTest, ErrorsKeepTheServersWords) {
  start([](const FakeRequest&, FakeConnection& c) {
    c.respond(429, R"({"kind":"Status","code":429,"message":"slow down"})", "Retry-After: 2\r\n");
  });
  auto result = api_->get(ref_);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kTooManyRequests);
  EXPECT_EQ(result.error().retry_after, 2s);
  EXPECT_EQ(result.error().message, "get services shop/orders: slow down");
}

TEST_F(HttpApiTest, RedirectsAreNotFollowed) {
  start([](const FakeRequest&, FakeConnection& c) {
    c.respond(302, "", "Location: http://127.0.0.1:1/\r\n");
  });
  EXPECT_EQ(code_of(api_->get(ref_)), Errc::kServer);
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(HttpApiTest, SuccessThatIsNoObjectIsAnError) {
  start([](const FakeRequest&, FakeConnection& c) { c.respond(200, "<html>"); });
  auto result = api_->get(ref_);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("not a JSON object"));
}

TEST_F(HttpApiTest, SilentServerMeetsTheDeadline) {
  start([](const FakeRequest&, FakeConnection& c) { c.peer_closed_within(5s); },
        {.call_timeout = 200ms});
  auto begin = SteadyClock::now();
  EXPECT_EQ(code_of(api_->get(ref_)), Errc::kTimeout);
  EXPECT_LT(SteadyClock::now() - begin, 2s);
}

TEST_F(HttpApiTest, DrippingServerMeetsTheDeadlineToo) {
  start(
      [](const FakeRequest&, FakeConnection& c) {
        c.begin_chunks();
        while (c.open() && c.chunk(" ")) std::this_thread::sleep_for(20ms);
        c.close();
      },
      {.call_timeout = 300ms});
  auto begin = SteadyClock::now();
  EXPECT_EQ(code_of(api_->get(ref_)), Errc::kTimeout);
  EXPECT_LT(SteadyClock::now() - begin, 2s);
}

TEST_F(HttpApiTest, CutsAndResetsAreConnectionErrors) {
  std::atomic<int> turn{0};
  start([&](const FakeRequest&, FakeConnection& c) {
    switch (turn++ / 2) {  // each is asked twice
      case 0:
        c.close();
        break;
      case 1:
        c.reset();
        break;
      case 2:
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"cut");
        c.close();
        break;
      case 3:
        c.begin_chunks();
        c.send("20\r\n{\"cut");
        c.reset();
        break;
      case 4:
        c.send("SSH-2.0-OpenSSH\r\n\r\n");
        c.close();
        break;
      default:
        c.respond(200, object_json("orders"));
    }
  });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(code_of(api_->get(ref_)), Errc::kConnection) << i;
  EXPECT_TRUE(api_->get(ref_)) << "the client recovers";
}

TEST_F(HttpApiTest, AConnectionThatBreaksCostsOneMoreAttemptExceptForPosts) {
  std::atomic<int> turn{0};
  start([&](const FakeRequest&, FakeConnection& c) {
    if (turn++ % 2 == 0) {
      c.reset();
    } else {
      c.respond(200, object_json("orders"));
    }
  });
  const Json object = Json::parse(object_json("orders"));
  Json posted = object;
  posted["metadata"]["namespace"] = ref_.ns;
  EXPECT_EQ(code_of(api_->create(ref_.type, posted)), Errc::kConnection) << "it may have happened";
  EXPECT_EQ(turn, 1);
  turn = 0;
  EXPECT_TRUE(api_->get(ref_));
  EXPECT_EQ(turn, 2);
  EXPECT_TRUE(api_->replace(ref_, object));
  EXPECT_TRUE(api_->apply(ref_, object, "tester"));
}

TEST_F(HttpApiTest, NobodyListeningIsAConnectionErrorThatNamesTheServer) {
  start([](const FakeRequest&, FakeConnection&) {});
  server_.reset();
  auto result = api_->get(ref_);
  EXPECT_EQ(code_of(result), Errc::kConnection);
  EXPECT_THAT(result.error().message, HasSubstr(config_.server));
}

TEST_F(HttpApiTest, AnswerLargerThanTheLimitIsRefused) {
  start(
      [](const FakeRequest&, FakeConnection& c) {
        c.begin_chunks();
        while (c.chunk(std::string(64 * 1024, ' '))) {
        }
        c.close();
      },
      {.max_body_bytes = 1 << 20});
  auto result = api_->get(ref_);
  EXPECT_EQ(code_of(result), Errc::kServer);
  EXPECT_THAT(result.error().message, HasSubstr("larger than 1048576 bytes"));
}

TEST_F(HttpApiTest, ListFollowsContinueTokensAndFillsKinds) {
  start([](const FakeRequest& request, FakeConnection& c) {
    bool second = request.target.find("continue=page%2F2") != std::string::npos;
    Json page = {{"kind", "ServiceList"},
                 {"metadata", {{"resourceVersion", "90"}}},
                 {"items", Json::array({{{"metadata", {{"name", second ? "b" : "a"}}}}})}};
    if (!second) page["metadata"]["continue"] = "page/2";
    c.respond(200, page.dump());
  });
  auto list = api_->list(kServices, {.ns = "shop", .label_selector = "a=b", .limit = 1});
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->resource_version, "90");
  ASSERT_EQ(list->items.size(), 2u);
  EXPECT_EQ(list->items[0]["metadata"]["name"], "a");
  EXPECT_EQ(list->items[1]["metadata"]["name"], "b");
  EXPECT_EQ(list->items[1]["kind"], "Service");
  EXPECT_EQ(list->items[1]["apiVersion"], "v1");
  EXPECT_EQ(server_->requests().at(0).target,
            "/api/v1/namespaces/shop/services?limit=1&labelSelector=a%3Db");
}

TEST_F(HttpApiTest, MetadataOnlyAsksForPartialObjects) {
  start([](const FakeRequest&, FakeConnection& c) {
    c.respond(200, R"({"metadata":{"resourceVersion":"1"},"items":[]})");
  });
  ASSERT_TRUE(api_->list(kSecrets, {.metadata_only = true}));
  EXPECT_EQ(server_->requests().at(0).headers["accept"],
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
}

TEST_F(HttpApiTest, ExpiredContinueTokenIsGone) {
  std::atomic<int> turn{0};
  start([&](const FakeRequest&, FakeConnection& c) {
    if (turn++ == 0) {
      c.respond(200, R"({"metadata":{"continue":"x"},"items":[{"metadata":{"name":"a"}}]})");
    } else {
      c.respond(410, R"({"kind":"Status","reason":"Expired","message":"too old"})");
    }
  });
  EXPECT_EQ(code_of(api_->list(kServices, {})), Errc::kGone);
}

TEST_F(HttpApiTest, WatchDeliversEventsOfADrippingStream) {
  start([](const FakeRequest&, FakeConnection& c) {
    std::string stream = event_line("ADDED", "a", "5") + event_line("MODIFIED", "b", "6") +
                         event_line("BOOKMARK", "mark", "9");
    c.begin_chunks();
    for (size_t i = 0; i < stream.size(); i += 7) c.chunk(stream.substr(i, 7));
    c.end_chunks();
  });
  std::vector<std::string> names;
  auto result = watch(names, {.ns = "shop", .label_selector = "x=y", .resource_version = "4"});
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(names, ElementsAre("a", "b", "mark"));
  EXPECT_EQ(server_->requests().at(0).target,
            "/api/v1/namespaces/shop/services?watch=1&allowWatchBookmarks=true&timeoutSeconds=300"
            "&resourceVersion=4&labelSelector=x%3Dy");
}

TEST_F(HttpApiTest, WatchDeliversEachEventWhenItHappens) {
  std::atomic<bool> first_seen{false};
  start([&](const FakeRequest&, FakeConnection& c) {
    c.begin_chunks();
    c.chunk(event_line("ADDED", "a", "5"));
    for (int i = 0; i < 250 && !first_seen; ++i) std::this_thread::sleep_for(20ms);
    c.chunk(event_line("ADDED", first_seen ? "after" : "too-late", "6"));
    c.end_chunks();
  });
  std::vector<std::string> names;
  auto result = api_->watch(
      kServices, {},
      [&](const WatchEvent& event) {
        first_seen = true;
        names.push_back(event.object["metadata"]["name"].get<std::string>());
      },
      api_->make_cancel_token());
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(names, ElementsAre("a", "after"));
}

TEST_F(HttpApiTest, GoneAsStatusAndGoneInsideTheStream) {
  std::atomic<int> turn{0};
  start([&](const FakeRequest&, FakeConnection& c) {
    if (turn++ == 0) {
      c.respond(410, R"({"kind":"Status","reason":"Expired","message":"too old"})");
      return;
    }
    c.begin_chunks();
    c.chunk(event_line("ADDED", "a", "5"));
    c.chunk(R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}})"
            "\n");
    c.peer_closed_within(5s);
    c.close();
  });
  std::vector<std::string> names;
  EXPECT_EQ(code_of(watch(names)), Errc::kGone);
  EXPECT_TRUE(names.empty());
  EXPECT_EQ(code_of(watch(names)), Errc::kGone);
  EXPECT_THAT(names, ElementsAre("a"));
}

TEST_F(HttpApiTest, WatchCutInMidEventIsAConnectionError) {
  start([](const FakeRequest&, FakeConnection& c) {
    c.begin_chunks();
    c.chunk(event_line("ADDED", "a", "5"));
    c.send("40\r\n{\"type\":\"ADD");
    c.reset();
  });
  std::vector<std::string> names;
  EXPECT_EQ(code_of(watch(names)), Errc::kConnection);
  EXPECT_THAT(names, ElementsAre("a"));
}

TEST_F(HttpApiTest, SilentWatchTimesOut) {
  start(
      [](const FakeRequest&, FakeConnection& c) {
        c.begin_chunks();
        c.peer_closed_within(5s);
        c.close();
      },
      {.watch_idle_timeout = 300ms});
  std::vector<std::string> names;
  auto begin = SteadyClock::now();
  EXPECT_EQ(code_of(watch(names)), Errc::kTimeout);
  EXPECT_LT(SteadyClock::now() - begin, 3s);
}

TEST_F(HttpApiTest, CancellingASilentWatchTakesMilliseconds) {
  std::atomic<bool> closed{false};
  start([&](const FakeRequest&, FakeConnection& c) {
    c.begin_chunks();
    closed = c.peer_closed_within(5s);
    c.close();
  });
  auto token = api_->make_cancel_token();
  SteadyClock::time_point cancelled_at;
  std::thread canceller([&] {
    std::this_thread::sleep_for(100ms);
    cancelled_at = SteadyClock::now();
    token->cancel();
  });
  auto result = api_->watch(
      kServices, {}, [](const WatchEvent&) {}, token);
  auto took = SteadyClock::now();
  canceller.join();
  EXPECT_EQ(code_of(result), Errc::kCancelled);
  EXPECT_LT(took - cancelled_at, 1s);
  EXPECT_EQ(code_of(api_->watch(
                kServices, {}, [](const WatchEvent&) {}, token)),
            Errc::kCancelled)
      << "a stopped token stays stopped";
  for (int i = 0; i < 100 && !closed; ++i) std::this_thread::sleep_for(20ms);
  EXPECT_TRUE(closed) << "the socket is closed, not leaked";
}

TEST_F(HttpApiTest, ShutdownEndsWatchesAndCallsAndRefusesNewOnes) {
  start([](const FakeRequest& request, FakeConnection& c) {
    if (request.target.find("watch=1") != std::string::npos) c.begin_chunks();
    c.peer_closed_within(10s);
    c.close();
  });
  std::vector<std::string> names;
  Errc watch_code{}, get_code{};
  std::thread watcher([&] { watch_code = code_of(watch(names)); });
  std::thread getter([&] { get_code = code_of(api_->get(ref_)); });
  std::this_thread::sleep_for(200ms);
  auto begin = SteadyClock::now();
  api_->shutdown();
  watcher.join();
  getter.join();
  EXPECT_LT(SteadyClock::now() - begin, 1s);
  EXPECT_EQ(watch_code, Errc::kCancelled);
  EXPECT_EQ(get_code, Errc::kCancelled);
  EXPECT_EQ(code_of(api_->get(ref_)), Errc::kCancelled);
}

TEST_F(HttpApiTest, SlowHandlerStopsTheServerFromSending) {
  constexpr int kEvents = 20000;
  std::atomic<int> sent{0};
  start([&](const FakeRequest&, FakeConnection& c) {
    c.begin_chunks();
    std::string padding(1000, 'p');
    for (int i = 0; i < kEvents; ++i) {
      if (!c.chunk(event_line("ADDED", padding + std::to_string(i), std::to_string(i)))) return;
      ++sent;
    }
    c.end_chunks();
  });
  int received = 0;
  int sent_while_blocked = 0;
  auto result = api_->watch(
      kServices, {},
      [&](const WatchEvent&) {
        if (++received == 1) {
          // With 20 MB to come, only socket buffers and our window may fill while we sit here.
          std::this_thread::sleep_for(500ms);
          sent_while_blocked = sent;
        }
      },
      api_->make_cancel_token());
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(received, kEvents);
  EXPECT_LT(sent_while_blocked, kEvents / 2);
}

TEST_F(HttpApiTest, OversizedEventEndsTheWatch) {
  start(
      [](const FakeRequest&, FakeConnection& c) {
        c.begin_chunks();
        while (c.chunk(std::string(64 * 1024, 'x'))) {
        }
        c.close();
      },
      {.max_event_bytes = 1 << 20});
  std::vector<std::string> names;
  EXPECT_EQ(code_of(watch(names)), Errc::kServer);
}

TEST_F(HttpApiTest, ClientSideRateLimitSpacesRequests) {
  start([](const FakeRequest&, FakeConnection& c) { c.respond(200, object_json("orders")); },
        {.requests_per_second = 50, .burst = 5});
  auto begin = SteadyClock::now();
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(api_->get(ref_));
  EXPECT_GE(SteadyClock::now() - begin, 190ms) << "ten requests beyond the burst at 50/s";
}

TEST_F(HttpApiTest, NewTokenOnDiskIsUsedAfterA401) {
  tests::TempDir dir;
  config_.token.path = dir.write("token", "old");
  start([&](const FakeRequest& request, FakeConnection& c) {
    if (request.headers.at("authorization") == "Bearer new") {
      c.respond(200, object_json("orders"));
    } else {
      c.respond(401, R"({"kind":"Status","message":"Unauthorized"})");
    }
  });
  EXPECT_EQ(code_of(api_->get(ref_)), Errc::kUnauthorized);
  EXPECT_EQ(server_->requests().size(), 1u) << "unchanged credentials are not tried twice";
  dir.write("token", "new");
  EXPECT_TRUE(api_->get(ref_));
}

TEST_F(HttpApiTest, ObserverSeesVerbAndStatus) {
  std::vector<std::string> seen;
  HttpApiOptions options;
  options.observer = [&](std::string_view verb, int status, ops::Duration took) {
    EXPECT_GE(took, 0ns);
    seen.push_back(fmt::format("{} {}", verb, status));
  };
  std::atomic<int> turn{0};
  start(
      [&](const FakeRequest&, FakeConnection& c) {
        if (turn++ > 0) {
          c.reset();
        } else {
          c.respond(404, "{}");
        }
      },
      options);
  (void)api_->get(ref_).ok();
  (void)api_->apply(ref_, Json::object(), "me").ok();
  EXPECT_THAT(seen, ElementsAre("get 404", "apply 0", "apply 0")) << "tried once more";
}

TEST_F(HttpApiTest, ManyThreadsShareOneApi) {
  start([](const FakeRequest& request, FakeConnection& c) {
    c.respond(200, object_json(request.target.substr(request.target.rfind('/') + 1)));
  });
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        std::string name = fmt::format("o{}-{}", t, i);
        auto object = api_->get({kServices, "shop", name});
        if (object && (*object)["metadata"]["name"] == name) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
}

TEST_F(HttpApiTest, UnusableConfigurationIsAnErrorNotACrash) {
  config_.server = "not a url";
  open();
  EXPECT_EQ(code_of(api_->get(ref_)), Errc::kInvalid);
  config_.server = "https://127.0.0.1:1";
  config_.ca.text = "no PEM";
  open();
  auto result = api_->get(ref_);
  EXPECT_EQ(code_of(result), Errc::kInvalid);
  EXPECT_THAT(result.error().message, HasSubstr("CA certificate"));
}

}  // namespace
}  // namespace natrix::kube
