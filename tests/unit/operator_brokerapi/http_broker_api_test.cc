// Servers that answer, refuse, hang, drip and flood: the caller gets an answer in time.
#include "operator/brokerapi/http_broker_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/fake_http_server.h"

namespace natrix::brokerapi {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using tests::FakeConnection;
using tests::FakeHttpServer;
using tests::FakeRequest;

ServerAddress address_of(const FakeHttpServer& server, const std::string& name) {
  return {name, "127.0.0.1", server.port()};
}

FakeHttpServer::Handler server_with_health(int health) {
  return [health](const FakeRequest& request, FakeConnection& connection) {
    if (request.target == "/varz") {
      connection.respond(200, R"({"server_id": "ID", "server_name": "n", "version": "2.12.0"})");
    } else if (request.target == "/routez") {
      connection.respond(200, R"({"routes": [{"remote_id": "B"}]})");
    } else {
      connection.respond(health, R"({"status": "x"})");
    }
  };
}

Result<ServerReport> ask_one(const ServerAddress& address, milliseconds deadline) {
  auto answers = make_http_broker_api()->ask({address}, deadline);
  return answers.at(address.name);
}

TEST(HttpBrokerApi, AsksEveryServerAtOnce) {
  FakeHttpServer a(server_with_health(200));
  FakeHttpServer b(server_with_health(503));
  const auto answers =
      make_http_broker_api()->ask({address_of(a, "a"), address_of(b, "b")}, milliseconds(3000));
  ASSERT_TRUE(answers.at("a").ok()) << answers.at("a").error().message;
  ASSERT_TRUE(answers.at("b").ok()) << answers.at("b").error().message;
  EXPECT_TRUE(answers.at("a")->healthy);
  EXPECT_EQ(answers.at("a")->routed_servers, 1);
  EXPECT_FALSE(answers.at("b")->healthy);
  EXPECT_EQ(a.connections(), 1) << "one connection for all three pages";
}

TEST(HttpBrokerApi, NobodyToAskIsNoQuestion) {
  EXPECT_TRUE(make_http_broker_api()->ask({}, milliseconds(100)).empty());
}

TEST(HttpBrokerApi, AServerThatIsNotThereIsAnError) {
  const auto answer = ask_one({"a", "127.0.0.1", 1}, milliseconds(1000));
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, HasSubstr("/varz"));
}

void expect_in_time(const FakeHttpServer::Handler& handler) {
  FakeHttpServer server(handler);
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = ask_one(address_of(server, "a"), milliseconds(300));
  EXPECT_FALSE(answer.ok());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(1500));
}

void hang(const FakeRequest&, FakeConnection& connection) {
  connection.peer_closed_within(std::chrono::seconds(20));
}

void drip(FakeConnection& connection, const char* bytes) {
  while (!connection.stopping() && connection.send(bytes)) {
    std::this_thread::sleep_for(milliseconds(10));
  }
}

TEST(Misbehaving, OneThatHangs) {
  expect_in_time(hang);
}

TEST(Misbehaving, OneThatDripsItsHeaders) {
  expect_in_time([](const FakeRequest&, FakeConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\n");
    drip(connection, "X");
  });
}

TEST(Misbehaving, OneThatDripsItsBody) {
  expect_in_time([](const FakeRequest&, FakeConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    drip(connection, " ");
  });
}

TEST(Misbehaving, OneThatFloods) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    const std::string block(1 << 16, ' ');
    while (!connection.stopping() && connection.send(block)) {
    }
  });
  EXPECT_FALSE(ask_one(address_of(server, "a"), milliseconds(5000)).ok());
}

TEST(Misbehaving, OneThatAnswersNonsense) {
  FakeHttpServer server(
      [](const FakeRequest&, FakeConnection& connection) { connection.respond(200, "hello"); });
  EXPECT_EQ(ask_one(address_of(server, "a"), milliseconds(2000)).error().message,
            "/varz is not a JSON object");
}

TEST(Misbehaving, OneThatRefusesThePage) {
  FakeHttpServer server(
      [](const FakeRequest&, FakeConnection& connection) { connection.respond(404, "{}"); });
  EXPECT_EQ(ask_one(address_of(server, "a"), milliseconds(2000)).error().message,
            "/varz answered 404");
}

TEST(Misbehaving, AHundredThatHangDoNotAddUp) {
  FakeHttpServer server(hang);
  std::vector<ServerAddress> servers;
  for (int i = 0; i < 100; ++i) servers.push_back(address_of(server, "s" + std::to_string(i)));
  const auto begin = std::chrono::steady_clock::now();
  const auto answers = make_http_broker_api()->ask(servers, milliseconds(300));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(2000));
  EXPECT_EQ(answers.size(), 100U);
}

}  // namespace
}  // namespace natrix::brokerapi
