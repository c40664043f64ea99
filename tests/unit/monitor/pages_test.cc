// The whole monitoring port against a fake server: pages over real sockets, as a client sees them.
#include <gtest/gtest.h>

#include <asio.hpp>
#include <future>
#include <thread>

#include "broker/monitor/monitor_server.h"
#include "broker/monitor/render.h"
#include "tests/unit/monitor/fake_source.h"
#include "tests/unit/monitor/http_client.h"

namespace natrix::monitor {
namespace {

using std::chrono::milliseconds;

// Keeps log lines instead of writing them.
class KeptLines : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class PagesTest : public ::testing::Test {
 protected:
  PagesTest() {
    log_.set_sink(kept_);
    source_.info = sample_server();
  }

  void start(const std::string& base_path = "", HttpLimits limits = {}) {
    monitor_ = std::make_unique<MonitorServer>(
        io_, source_, log_,
        MonitorOptions{.host = "127.0.0.1", .base_path = base_path, .limits = limits});
    auto up = monitor_->start();
    ASSERT_TRUE(up.ok()) << up.error().message;
    port_ = monitor_->port();
    thread_ = std::thread([this] { io_.run(); });
  }

  void TearDown() override { stop(); }

  void stop() {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { monitor_->stop(); });
    thread_.join();
  }

  Answer get(const std::string& target) {
    auto answer = HttpClient(port_).get(target);
    EXPECT_TRUE(answer) << target;
    return answer.value_or(Answer{});
  }

  Json json(const std::string& target) {
    Answer answer = get(target);
    EXPECT_EQ(answer.status, 200) << target;
    EXPECT_EQ(answer.headers["Content-Type"], "application/json");
    EXPECT_EQ(answer.headers["Access-Control-Allow-Origin"], "*");
    return Json::parse(answer.body);
  }

  void expect_bad(const std::string& target, const std::string& words) {
    Answer answer = get(target);
    EXPECT_EQ(answer.status, 400) << target;
    EXPECT_EQ(answer.headers["Content-Type"], "text/plain; charset=utf-8");
    EXPECT_NE(answer.body.find(words), std::string::npos) << target << ": " << answer.body;
  }

  // Destroyed last to first: the context last of all, with what is still queued in it.
  asio::io_context io_{1};
  FakeSource source_;
  Logger log_;
  std::shared_ptr<KeptLines> kept_ = std::make_shared<KeptLines>();
  std::unique_ptr<MonitorServer> monitor_;
  std::thread thread_;
  int port_ = 0;
};

TEST_F(PagesTest, EveryPageIsThere) {
  start();
  for (const char* page : {"/varz", "/connz", "/routez", "/subsz", "/subscriptionsz", "/accountz",
                           "/accstatz", "/gatewayz", "/leafz", "/jsz"}) {
    Answer answer = get(page);
    EXPECT_EQ(answer.status, 200) << page;
    EXPECT_EQ(answer.body.rfind("{\n  \"", 0), 0u) << page;
    EXPECT_TRUE(Json::accept(answer.body)) << page;
  }
  for (const char* page : {"/nope", "/varz/", "/VARZ", "/stacksz", "/raftz", "/ipqueuesz",
                           "/debug/vars", "/varz%00"}) {
    EXPECT_EQ(get(page).status, 404) << page;
  }
  EXPECT_EQ(get("//varz").status, 200);
  EXPECT_EQ(get("http://elsewhere/varz").status, 200);
}

TEST_F(PagesTest, HeadOfAPage) {
  start();
  HttpClient client(port_);
  client.send("HEAD /varz HTTP/1.1\r\nHost: t\r\n\r\n");
  auto answer = client.answer(false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_GT(std::stoul(answer->headers["Content-Length"]), 1000u);
}

TEST_F(PagesTest, JetStreamIsAskedForWhatThePageShows) {
  source_.info.jetstream.emplace();
  source_.jetstream_page.emplace().accounts.emplace_back().name = "A";
  start();
  EXPECT_FALSE(json("/jsz").contains("account_details"));
  EXPECT_EQ(json("/jsz?accounts=1")["account_details"][0]["name"], "A");
  EXPECT_FALSE(source_.last_jetstream_query.streams);
  json("/jsz?consumers=true&acc=A");
  EXPECT_EQ(source_.last_jetstream_query.account, "A");
  EXPECT_TRUE(source_.last_jetstream_query.streams && source_.last_jetstream_query.consumers);
  EXPECT_FALSE(json("/jsz?leader-only=1").contains("disabled"));
  EXPECT_EQ(get("/healthz?account=A&stream=S&consumer=C&js-enabled-only=1").status, 200);
  EXPECT_EQ(source_.last_health_query.account + source_.last_health_query.stream +
                source_.last_health_query.consumer,
            "ASC");
  EXPECT_TRUE(source_.last_health_query.enabled_only);
  EXPECT_FALSE(source_.last_health_query.server_only);
}

TEST_F(PagesTest, RequestsAreCounted) {
  start();
  for (const char* page : {"/varz", "/connz", "/connz?sort=bad", "/subsz", "/subscriptionsz",
                           "/nope", "/", "/metrics"}) {
    get(page);
  }
  EXPECT_EQ(json("/varz")["http_req_stats"],
            (Json{{"/", 1}, {"/connz", 2}, {"/metrics", 1}, {"/subsz", 2}, {"/varz", 2}}));
}

TEST_F(PagesTest, VarzShowsTheServerAndTheProcess) {
  start();
  Json page = json("/varz");
  EXPECT_EQ(page["server_id"], "NABC");
  EXPECT_EQ(page["impl"], "natrix-broker");
  EXPECT_GT(page["mem"].get<int64_t>(), 1 << 20);
  EXPECT_GE(page["cores"].get<int>(), 1);
}

TEST_F(PagesTest, RootLinksToThePages) {
  source_.info.server_name = "<b>&\"x\"";
  start();
  Answer answer = get("/");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers["Content-Type"], "text/html; charset=utf-8");
  for (const char* page : {"varz", "connz", "routez", "subsz", "healthz", "metrics"}) {
    EXPECT_NE(answer.body.find(std::string("href=\"./") + page + "\""), std::string::npos) << page;
  }
  EXPECT_EQ(answer.body.find("<b>"), std::string::npos);
  EXPECT_NE(answer.body.find("&lt;b&gt;&amp;&quot;x&quot;"), std::string::npos);
}

TEST_F(PagesTest, BasePath) {
  start("/nats//one/");
  EXPECT_EQ(get("/nats/one/varz").status, 200);
  EXPECT_EQ(get("/varz").status, 404);
  EXPECT_EQ(get("/").status, 404);
  EXPECT_EQ(get("/nats/onevarz").status, 404);
  EXPECT_NE(get("/nope").body.find("/nats/one/"), std::string::npos);
  // Links are relative to the page's own address.
  EXPECT_NE(get("/nats/one").body.find("href=\"./one/varz\""), std::string::npos);
  EXPECT_NE(get("/nats/one/").body.find("href=\"./varz\""), std::string::npos);
  EXPECT_EQ(json("/nats/one/varz")["http_req_stats"]["/varz"], 2);
}

TEST_F(PagesTest, ConnzAsksForWhatWasAsked) {
  source_.open = {sample_connection(2), sample_connection(1)};
  source_.closed = {full_connection(3)};
  start();
  Json page = json("/connz");
  EXPECT_EQ(page["num_connections"], 2);
  EXPECT_EQ(page["connections"][0]["cid"], 1);
  EXPECT_FALSE(source_.last_connection_query.subscriptions);

  page = json(
      "/connz?sort=stop&state=CLOSED&subs=detail&auth=1&offset=-1&limit=9999999&"
      "user=u&acc=A&mqtt_client=m&callback=x");
  const ConnectionQuery& query = source_.last_connection_query;
  EXPECT_EQ(query.sort, "stop");
  EXPECT_EQ(query.state, ConnState::kClosed);
  EXPECT_TRUE(query.subscriptions && query.auth);
  EXPECT_EQ(query.offset, 0);
  EXPECT_EQ(query.limit, kMaxPageEntries);
  EXPECT_EQ(query.user + query.account + query.mqtt_client, "uAm");
  ASSERT_EQ(page["connections"].size(), 1u);
  EXPECT_EQ(page["connections"][0]["authorized_user"], "u");
  EXPECT_EQ(page["connections"][0]["subscriptions_list_detail"][0]["qgroup"], "q");

  EXPECT_EQ(json("/connz?cid=2")["connections"].size(), 1u);
  EXPECT_EQ(json("/connz?state=all")["num_connections"], 3);
  EXPECT_EQ(json("/connz?limit=1&offset=1")["connections"][0]["cid"], 2);
}

TEST_F(PagesTest, BadParameters) {
  start();
  for (const char* name : {"auth", "subs"}) {
    expect_bad(std::string("/connz?") + name + "=xxx",
               std::string("Error decoding boolean for '") + name + "'");
  }
  for (const char* page : {"connz", "subsz", "jsz"}) {
    for (const char* name : {"offset", "limit"}) {
      expect_bad(std::string("/") + page + "?" + name + "=xxx",
                 std::string("Error decoding int for '") + name + "'");
    }
  }
  expect_bad("/connz?cid=-1", "Error decoding uint64 for 'cid'");
  expect_bad("/connz?state=xxx", "Error decoding state for");
  expect_bad("/connz?sort=foo", "invalid sorting option: \"foo\"");
  expect_bad("/connz?sort=stop", "sort by stop only valid on closed connections");
  expect_bad("/connz?sort=reason&state=all", "sort by reason only valid on closed connections");
  expect_bad("/routez?subs=xxx", "Error decoding boolean for 'subs'");
  expect_bad("/subsz?subs=detail", "Error decoding boolean for 'subs'");
  expect_bad("/subsz?test=foo.*", "invalid test subject, must be valid publish subject: \"foo.*\"");
  expect_bad("/healthz?details=xxx", "Error decoding boolean for 'details'");
  expect_bad("/healthz?js-enabled-only=xxx", "Error decoding boolean for 'js-enabled-only'");
  expect_bad("/accountz?acc=zz", "Account \"zz\" does not exist");
  expect_bad("/accstatz?unused=xxx", "Error decoding boolean for 'unused'");
  expect_bad("/leafz?subs=xxx", "Error decoding boolean for 'subs'");
  expect_bad("/gatewayz?accs=xxx", "Error decoding boolean for 'accs'");
  expect_bad("/jsz?streams=xxx", "Error decoding boolean for 'streams'");
  expect_bad("/jsz?leader-only=1", "filtered response: not leader");
}

TEST_F(PagesTest, RoutezAndSubsz) {
  source_.route_page.routes = {sample_route()};
  source_.route_page.routes[0].subscription_list = {{.subject = "r"}};
  source_.sublist.num_subscriptions = 2;
  source_.subs = {{.account = "$G", .subject = "a.>", .sid = "1", .cid = 1},
                  {.account = "A", .subject = "b", .sid = "1", .cid = 2}};
  start();
  EXPECT_EQ(json("/routez")["num_routes"], 1);
  EXPECT_FALSE(source_.last_route_subscriptions);
  EXPECT_EQ(json("/routez?subs=1")["routes"][0]["subscriptions_list"][0], "r");
  EXPECT_TRUE(source_.last_route_subscriptions);

  EXPECT_FALSE(json("/subsz").contains("subscriptions_list"));
  EXPECT_EQ(json("/subsz?subs=1")["total"], 2);
  EXPECT_EQ(json("/subscriptionsz?subs=1&test=a.x")["subscriptions_list"].size(), 1u);
  EXPECT_EQ(json("/subsz?subs=1&acc=A")["subscriptions_list"][0]["subject"], "b");
  EXPECT_EQ(json("/subsz?subs=1&limit=1&offset=1")["subscriptions_list"].size(), 1u);
}

TEST_F(PagesTest, HealthzOfAHealthyServer) {
  start();
  for (const char* query : {"", "?details=1", "?js-enabled-only=true", "?js-enabled=true",
                            "?js-server-only=1", "?js-meta-only=t", "?account=A&stream=S"}) {
    Answer answer = get(std::string("/healthz") + query);
    EXPECT_EQ(answer.status, 200) << query;
    EXPECT_EQ(answer.body, R"({"status":"ok"})") << query;
  }
  Answer answer = get("/healthz?stream=S");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(
      answer.body,
      R"({"status":"error","error":"\"account\" must not be empty when checking stream health"})");
  EXPECT_EQ(get("/healthz?account=A&consumer=C&details=true").body,
            R"({"status":"error","errors":[{"type":"BAD_REQUEST","error":)"
            R"("\"stream\" must not be empty when checking consumer health"}]})");
  EXPECT_TRUE(kept_->lines.empty());
}

TEST_F(PagesTest, HealthzOfASickServerIsLogged) {
  source_.health_now.problems = {{"CONNECTION", "the client port is not open"}};
  start();
  Answer answer = get("/healthz");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, R"({"status":"error","error":"the client port is not open"})");
  stop();
  ASSERT_EQ(kept_->lines.size(), 1u);
  EXPECT_NE(kept_->lines[0].find("Healthcheck failed: CONNECTION: the client port is not open"),
            std::string::npos);
}

TEST_F(PagesTest, AnswersMayComeLater) {
  source_.deliver = [this](std::function<void()> answer) { asio::post(io_, std::move(answer)); };
  start();
  EXPECT_EQ(json("/varz")["server_id"], "NABC");
  EXPECT_EQ(get("/metrics").status, 200);
  std::vector<std::future<int>> scrapes;
  for (int i = 0; i < 8; ++i) {
    scrapes.push_back(std::async(std::launch::async, [this, i] {
      int good = 0;
      HttpClient client(port_);
      for (int k = 0; k < 50; ++k) {
        auto answer = client.get(i % 2 == 0 ? "/connz?subs=1" : "/metrics");
        good += answer && answer->status == 200;
      }
      return good;
    }));
  }
  for (auto& scrape : scrapes) EXPECT_EQ(scrape.get(), 50);
}

// Lists that are being made hold memory: only so many at a time. Others stay served.
TEST_F(PagesTest, ListsInWorkAreBounded) {
  std::vector<std::function<void()>> waiting;
  bool hold = true;
  source_.deliver = [&](std::function<void()> answer) {
    if (!hold) return answer();
    waiting.push_back(std::move(answer));
  };
  start();
  std::vector<HttpClient> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back(port_);
    clients.back().send("GET /connz HTTP/1.1\r\nHost: t\r\n\r\n");
  }
  auto on_thread = [&](const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(io_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  };
  size_t held = 0;
  while (held < 8) on_thread([&] { held = waiting.size(); });
  for (const char* page : {"/connz", "/subsz?subs=1", "/routez"}) {
    EXPECT_EQ(get(page).status, 503) << page;
  }
  on_thread([&] { hold = false; });
  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_EQ(get("/varz").status, 200);
  on_thread([&] {
    for (auto& answer : waiting) answer();
    waiting.clear();
  });
  for (auto& client : clients) EXPECT_EQ(client.answer()->status, 200);
  EXPECT_EQ(get("/connz").status, 200);
}

TEST_F(PagesTest, ASourceThatNeverAnswers) {
  std::vector<std::function<void()>> never;
  source_.deliver = [&](std::function<void()> answer) { never.push_back(std::move(answer)); };
  start("", {.answer_deadline = milliseconds(100)});
  EXPECT_EQ(get("/varz").status, 503);
  EXPECT_EQ(get("/metrics").status, 503);
  stop();
  EXPECT_EQ(never.size(), 8u);
  monitor_.reset();
  for (auto& answer : never) answer();  // too late for anybody, and harmless
}

TEST_F(PagesTest, StopsAndStartsAgain) {
  start();
  HttpClient open(port_);
  EXPECT_EQ(open.get("/varz")->status, 200);
  stop();
  EXPECT_TRUE(open.ended());
  EXPECT_EQ(monitor_->port(), 0);
  io_.restart();
  ASSERT_TRUE(monitor_->start().ok());
  port_ = monitor_->port();
  thread_ = std::thread([this] { io_.run(); });
  EXPECT_EQ(get("/varz").status, 200);
}

TEST_F(PagesTest, ProcessorUseIsSampled) {
  start();
  double cpu = 0;
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (cpu == 0 && std::chrono::steady_clock::now() < end) {
    auto spin_until = std::chrono::steady_clock::now() + milliseconds(200);
    while (std::chrono::steady_clock::now() < spin_until) {
    }
    cpu = json("/varz")["cpu"].get<double>();
  }
  EXPECT_GT(cpu, 0);
}

}  // namespace
}  // namespace natrix::monitor
