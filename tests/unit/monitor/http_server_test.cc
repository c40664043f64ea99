// The HTTP server over real loopback sockets: what it does for well-behaved clients and what bad
// ones can and cannot do to it.
#include "broker/monitor/http_server.h"

#include <gtest/gtest.h>

#include <asio.hpp>
#include <atomic>
#include <future>
#include <thread>

#include "tests/unit/monitor/http_client.h"

namespace natrix::monitor {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

class HttpServerTest : public ::testing::Test {
 protected:
  void start(HttpLimits limits = {}, const std::string& host = "127.0.0.1") {
    http_ = std::make_unique<HttpServer>(io_, log_, limits,
                                         [this](const HttpRequest& request, Responder respond) {
                                           handle(request, std::move(respond));
                                         });
    auto listening = http_->listen(host, 0);
    ASSERT_TRUE(listening.ok()) << listening.error().message;
    port_ = http_->port();
    ASSERT_GT(port_, 0);
    thread_ = std::thread([this] { io_.run(); });
  }

  void TearDown() override {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { http_->stop(); });
    thread_.join();  // hangs if stop() leaves something behind
    kept_.clear();
  }

  HttpCounters counters() {
    std::promise<HttpCounters> answer;
    asio::post(io_, [&] { answer.set_value(http_->counters()); });
    return answer.get_future().get();
  }

  void handle(const HttpRequest& request, Responder respond) {
    ++requests_;
    if (request.path == "/echo") return respond({.body = request.query});
    if (request.path == "/never") return kept_.push_back(std::move(respond));
    if (request.path == "/big") {
      return respond({.body = std::string(std::stoul(request.query), 'x')});
    }
    if (request.path == "/later") {
      auto timer = std::make_shared<asio::steady_timer>(io_, milliseconds(20));
      return timer->async_wait([timer, respond](asio::error_code) { respond({.body = "late"}); });
    }
    if (request.path == "/twice") {
      respond({.body = "first"});
      return respond({.body = "second"});
    }
    respond({.status = 404, .body = "no"});
  }

  asio::io_context io_{1};
  Logger log_;
  std::unique_ptr<HttpServer> http_;
  std::thread thread_;
  int port_ = 0;
  std::atomic<int> requests_{0};
  std::vector<Responder> kept_;
};

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
  start();
  HttpClient client(port_);
  for (const char* text : {"one", "two", "three"}) {
    auto answer = client.get(std::string("/echo?") + text);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, text);
    EXPECT_EQ(answer->headers["Connection"], "keep-alive");
    EXPECT_EQ(answer->headers["Content-Type"], "text/plain; charset=utf-8");
    EXPECT_EQ(answer->headers["Date"].size(), std::strlen("Sat, 21 Nov 2026 03:47:01 GMT"));
  }
  EXPECT_EQ(client.get("/nope")->status, 404);
  EXPECT_EQ(client.get("/later")->body, "late");
  EXPECT_EQ(counters().connections, 1u);
}

TEST_F(HttpServerTest, HeadHasTheLengthAndNoBody) {
  start();
  HttpClient client(port_);
  client.send("HEAD /echo?abc HTTP/1.1\r\nHost: t\r\n\r\n");
  auto answer = client.answer(false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->headers["Content-Length"], "3");
  EXPECT_EQ(client.get("/echo?next")->body, "next");  // so no body came
}

TEST_F(HttpServerTest, ClosesWhenAsked) {
  start();
  HttpClient closing(port_);
  closing.send("GET /echo?a HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(closing.answer()->headers["Connection"], "close");
  EXPECT_TRUE(closing.ended());

  HttpClient old(port_);
  old.send("GET /echo?b HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.answer()->body, "b");
  EXPECT_TRUE(old.ended());
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  HttpClient client(port_);
  std::string all;
  for (int i = 0; i < 500; ++i) {
    all += "GET /" + std::string(i % 7 == 0 ? "later" : "echo") + "?" + std::to_string(i) +
           " HTTP/1.1\r\nHost: t\r\n\r\n";
  }
  std::thread sender([&] { client.send(all); });
  for (int i = 0; i < 500; ++i) {
    auto answer = client.answer();
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->body, i % 7 == 0 ? "late" : std::to_string(i));
  }
  sender.join();
}

TEST_F(HttpServerTest, BytesOneByOne) {
  start();
  HttpClient client(port_);
  for (char c : std::string("GET /echo?slow HTTP/1.1\r\nHost: t\r\n\r\n")) {
    client.send(std::string(1, c));
  }
  EXPECT_EQ(client.answer()->body, "slow");
}

TEST_F(HttpServerTest, ABadRequestEndsTheConnectionWithAReason) {
  start();
  for (const auto& [text, status] : std::vector<std::pair<std::string, int>>{
           {"NONSENSE\r\n\r\n", 400},
           {"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc", 405},
           {"GET /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc", 413},
           {"GET / HTTP/3.0\r\n\r\n", 505},
           {"GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n", 431}}) {
    HttpClient client(port_);
    client.send(text);
    auto answer = client.answer();
    ASSERT_TRUE(answer) << status;
    EXPECT_EQ(answer->status, status);
    EXPECT_EQ(answer->headers["Connection"], "close");
    EXPECT_EQ(answer->headers["Allow"], status == 405 ? "GET, HEAD" : "");
    EXPECT_TRUE(client.ended());
  }
  EXPECT_EQ(requests_, 0);
}

// What comes after a bad request is not taken for another one.
TEST_F(HttpServerTest, NothingIsServedAfterABadRequest) {
  start();
  HttpClient client(port_);
  client.send(
      "GET /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 40\r\n\r\n"
      "GET /echo?smuggled HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(client.answer()->status, 413);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(requests_, 0);
}

TEST_F(HttpServerTest, SlowHeadsAreCutOff) {
  start({.head_deadline = milliseconds(150)});
  HttpClient slow(port_);
  auto begin = Clock::now();
  std::thread dripping([&] {  // each byte comes in good time, the head as a whole does not
    for (char c : std::string(100, 'G')) {
      if (!slow.send(std::string(1, c))) break;
      std::this_thread::sleep_for(milliseconds(20));
    }
  });
  auto answer = slow.answer();
  auto took = Clock::now() - begin;
  dripping.join();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 408);
  EXPECT_GE(took, milliseconds(150));
  EXPECT_LT(took, milliseconds(1500));
}

TEST_F(HttpServerTest, IdleConnectionsAreClosed) {
  start({.idle_deadline = milliseconds(100)});
  HttpClient never_spoke(port_);
  EXPECT_TRUE(never_spoke.ended());
  HttpClient spoke(port_);
  EXPECT_EQ(spoke.get("/echo?x")->body, "x");
  EXPECT_TRUE(spoke.ended());
  EXPECT_EQ(counters().connections, 0u);
}

TEST_F(HttpServerTest, AHandlerThatDoesNotAnswer) {
  start({.answer_deadline = milliseconds(100)});
  HttpClient client(port_);
  auto answer = client.get("/never");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_TRUE(client.ended());
  asio::post(io_, [this] { kept_.at(0)({.body = "too late"}); });
  EXPECT_EQ(HttpClient(port_).get("/echo?x")->body, "x");
}

TEST_F(HttpServerTest, OnlyTheFirstAnswerCounts) {
  start();
  HttpClient client(port_);
  EXPECT_EQ(client.get("/twice")->body, "first");
  EXPECT_EQ(client.get("/echo?next")->body, "next");
}

TEST_F(HttpServerTest, ClientsThatGoAwayInTheMiddle) {
  start();
  for (const char* text :
       {"", "GET", "GET /echo?x HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /big?5000000 HTTP/1.1\r\nHost: t\r\n\r\n", "GET /later HTTP/1.1\r\nHost: t\r\n\r\n"}) {
    HttpClient(port_).send(text);
  }
  HttpClient last(port_);  // accepted after all of them
  EXPECT_EQ(last.get("/echo?x")->body, "x");
  for (int i = 0; i < 500 && counters().connections > 1; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_EQ(counters().connections, 1u);
  EXPECT_EQ(counters().waiting_bytes, 0u);
}

TEST_F(HttpServerTest, ManyConnectionsAtOnce) {
  start({.max_connections = 256});
  std::vector<HttpClient> clients;
  for (int i = 0; i < 250; ++i) clients.emplace_back(port_);
  for (size_t i = 0; i < clients.size(); ++i) {
    clients[i].send("GET /echo?" + std::to_string(i) + " HTTP/1.1\r\nHost: t\r\n\r\n");
  }
  for (size_t i = 0; i < clients.size(); ++i) {
    auto answer = clients[i].answer();
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->body, std::to_string(i));
  }
  EXPECT_EQ(counters().connections, 250u);
}

// Silent connections cannot lock probes out: the one idle longest makes room.
TEST_F(HttpServerTest, AFullServerClosesTheLongestIdle) {
  start({.max_connections = 4});
  std::vector<HttpClient> silent;
  for (int i = 0; i < 4; ++i) {
    silent.emplace_back(port_);
    while (counters().connections < silent.size()) std::this_thread::yield();
  }
  HttpClient probe(port_);
  EXPECT_EQ(probe.get("/echo?alive")->body, "alive");
  EXPECT_TRUE(silent[0].ended());
  EXPECT_EQ(silent[3].get("/echo?also")->body, "also");
  EXPECT_EQ(counters().connections, 4u);
  EXPECT_EQ(counters().refused, 0u);
}

TEST_F(HttpServerTest, AFullServerTurnsAway) {
  start({.max_connections = 2});
  HttpClient one(port_), two(port_);
  one.send("GET /never HTTP/1.1\r\nHost: t\r\n\r\n");
  two.send("GET /never HTTP/1.1\r\nHost: t\r\n\r\n");
  while (requests_ < 2) std::this_thread::yield();
  HttpClient three(port_);
  auto answer = three.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_TRUE(three.ended());
  EXPECT_EQ(counters().refused, 1u);
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsDropped) {
  start({.stall_deadline = milliseconds(200)});
  HttpClient stalled(port_, "127.0.0.1", 4096);
  stalled.send("GET /big?50000000 HTTP/1.1\r\nHost: t\r\n\r\n");
  while (requests_ < 1) std::this_thread::yield();
  EXPECT_EQ(HttpClient(port_).get("/echo?others")->body, "others");
  for (int i = 0; i < 500 && counters().waiting_bytes > 0; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_EQ(counters().waiting_bytes, 0u);
}

TEST_F(HttpServerTest, LargeAnswersArriveWhole) {
  start();
  HttpClient client(port_);
  auto answer = client.get("/big?20000000");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, std::string(20'000'000, 'x'));
  EXPECT_EQ(client.get("/echo?next")->body, "next");
}

// The memory for answers that nobody takes is bounded; small pages go on working.
TEST_F(HttpServerTest, WaitingAnswersAreBounded) {
  start({.max_waiting_bytes = 60'000'000});
  HttpClient stalled(port_, "127.0.0.1", 4096);
  stalled.send("GET /big?50000000 HTTP/1.1\r\nHost: t\r\n\r\n");
  while (requests_ < 1) std::this_thread::yield();
  EXPECT_EQ(HttpClient(port_).get("/big?50000000")->status, 503);
  EXPECT_EQ(HttpClient(port_).get("/echo?small")->status, 200);
  stalled.close();
  for (int i = 0; i < 500 && counters().waiting_bytes > 0; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_EQ(HttpClient(port_).get("/big?50000000")->status, 200);
}

TEST_F(HttpServerTest, StopClosesEverythingAtOnce) {
  start();
  HttpClient idle(port_), busy(port_), half(port_);
  busy.send("GET /never HTTP/1.1\r\nHost: t\r\n\r\n");
  half.send("GET /ne");
  while (requests_ < 1) std::this_thread::yield();
  asio::post(io_, [this] { http_->stop(); });
  thread_.join();
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(busy.ended());
  EXPECT_TRUE(half.ended());
  EXPECT_FALSE(HttpClient(port_).connected());
  kept_.at(0)({.body = "nobody is there"});
  http_->stop();
  EXPECT_EQ(http_->port(), 0);
}

TEST_F(HttpServerTest, ListensOnBothFamiliesWhenUnspecified) {
  start({}, "0.0.0.0");
  EXPECT_EQ(HttpClient(port_, "127.0.0.1").get("/echo?4")->body, "4");
  HttpClient six(port_, "::1");
  if (!six.connected()) GTEST_SKIP() << "this machine has no IPv6 loopback address";
  EXPECT_EQ(six.get("/echo?6")->body, "6");
}

TEST_F(HttpServerTest, ListensOnOneAddress) {
  start({}, "::1");
  EXPECT_FALSE(HttpClient(port_, "127.0.0.1").connected());
  EXPECT_EQ(HttpClient(port_, "::1").get("/echo?6")->body, "6");
}

TEST_F(HttpServerTest, ListensOnAName) {
  start({}, "localhost");
  bool reached = HttpClient(port_, "127.0.0.1").connected() || HttpClient(port_, "::1").connected();
  EXPECT_TRUE(reached);
}

TEST_F(HttpServerTest, AnAddressInUseIsReported) {
  start();
  HttpServer second(io_, log_, {}, [](const HttpRequest&, const Responder&) {});
  auto listening = second.listen("127.0.0.1", port_);
  ASSERT_FALSE(listening.ok());
  EXPECT_NE(listening.error().message.find("port"), std::string::npos);
  EXPECT_NE(listening.error().message.find(std::to_string(port_)), std::string::npos);
  EXPECT_FALSE(second.listen("no.such.host.invalid", 0).ok());
}

}  // namespace
}  // namespace natrix::monitor
