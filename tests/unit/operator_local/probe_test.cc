// Attempts and opinions of probes.
#include "operator/local/agent/probe.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace natrix::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

const ProbeState::Time kStart{};

TEST(ProbeState, BecomesGoodAndBadByItsThresholds) {
  ProbeState state(Json::parse(R"({"successThreshold":2,"failureThreshold":3})"), false, kStart);
  EXPECT_FALSE(state.good());
  state.add(true, kStart);
  EXPECT_FALSE(state.good());
  state.add(true, kStart);
  EXPECT_TRUE(state.good());
  EXPECT_FALSE(state.add(false, kStart));
  EXPECT_FALSE(state.add(false, kStart));
  EXPECT_FALSE(state.add(true, kStart));  // the row is broken
  EXPECT_FALSE(state.add(false, kStart));
  EXPECT_FALSE(state.add(false, kStart));
  EXPECT_TRUE(state.good());
  EXPECT_TRUE(state.add(false, kStart));
  EXPECT_FALSE(state.good());
  state.add(true, kStart);
  EXPECT_FALSE(state.good());
}

TEST(ProbeState, SaysAgainThatItIsBadOnceForEveryFullRow) {
  ProbeState state(Json::parse(R"({"failureThreshold":2})"), true, kStart);
  std::vector<bool> bad;
  for (int i = 0; i < 6; ++i) bad.push_back(state.add(false, kStart));
  EXPECT_EQ(bad, (std::vector<bool>{false, true, false, true, false, true}));
}

TEST(ProbeState, IsDueAfterTheDelayAndThenEveryPeriod) {
  ProbeState state(Json::parse(R"({"initialDelaySeconds":5,"periodSeconds":7,"timeoutSeconds":3})"),
                   false, kStart);
  EXPECT_EQ(state.due(), kStart + seconds(5));
  EXPECT_EQ(state.timeout(), seconds(3));
  state.add(true, kStart + seconds(6));
  EXPECT_EQ(state.due(), kStart + seconds(13));
  const ProbeState defaults(Json::object(), false, kStart);
  EXPECT_EQ(defaults.due(), kStart);
  EXPECT_EQ(defaults.timeout(), seconds(1));
}

class Attempt : public ::testing::Test {
 protected:
  Verdict check(const std::string& text, milliseconds timeout = seconds(5)) {
    return attempt(Json::parse(text), target_, timeout);
  }

  ProcessHost processes_;
  ProbeTarget target_{"127.0.0.1", Json::parse(R"({"ports":[{"name":"web","containerPort":1}]})"),
                      &processes_, [](const std::vector<std::string>& words) {
                        return Command{words, {"PATH=/usr/bin:/bin"}, "", -1};
                      }};
};

TEST_F(Attempt, ExecGoesByTheExitCode) {
  EXPECT_TRUE(check(R"({"exec":{"command":["true"]}})").ok);
  EXPECT_THAT(check(R"({"exec":{"command":["sh","-c","exit 7"]}})").why,
              HasSubstr("exited with 7"));
  EXPECT_THAT(check(R"({"exec":{"command":["/no/such"]}})").why, HasSubstr("/no/such"));
  EXPECT_THAT(check(R"({"exec":{"command":["sleep","100"]}})", milliseconds(50)).why,
              HasSubstr("timed out"));
}

TEST_F(Attempt, WhatIsNotOfferedFailsByName) {
  EXPECT_THAT(check(R"({"grpc":{"port":1}})").why, HasSubstr("httpGet, tcpSocket and exec"));
  EXPECT_THAT(check(R"({"httpGet":{"port":1,"scheme":"HTTPS"}})").why, HasSubstr("HTTPS"));
  EXPECT_THAT(check(R"({"httpGet":{"port":"nameless"}})").why, HasSubstr("nameless"));
  EXPECT_THAT(check(R"({"tcpSocket":{"port":"nameless"}})").why, HasSubstr("tcpSocket"));
}

TEST_F(Attempt, APortNobodyListensOnFails) {
  EXPECT_FALSE(check(R"({"tcpSocket":{"port":"web"}})").ok);
  EXPECT_FALSE(check(R"({"httpGet":{"port":"web","path":"/"}})").ok);
}

// Answers every connection with the same bytes and, if asked, goes on for ever.
class Page {
 public:
  explicit Page(std::string answer, bool endless = false) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(fd_, 8);
    socklen_t size = sizeof(address);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer), endless] { serve(answer, endless); });
  }
  ~Page() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  void serve(const std::string& answer, bool endless) const {
    for (int client = -1; (client = accept(fd_, nullptr, nullptr)) >= 0; close(client)) {
      char request[4096];
      if (recv(client, request, sizeof(request), 0) <= 0) continue;
      do {
        if (send(client, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
      } while (endless);
    }
  }
  int fd_ = -1;
  int port_ = 0;
  std::thread thread_;
};

TEST_F(Attempt, HttpGoesByTheStatus) {
  for (const auto& [status, ok] :
       {std::pair{"200 OK", true}, {"399 Odd", true}, {"400 Bad", false}, {"503 No", false}}) {
    const Page page(fmt::format("HTTP/1.1 {}\r\nContent-Length: 0\r\n\r\n", status));
    const Verdict verdict =
        check(fmt::format(R"({{"httpGet":{{"port":{},"path":"x"}}}})", page.port()));
    EXPECT_EQ(verdict.ok, ok) << status << ": " << verdict.why;
  }
}

TEST_F(Attempt, ABodyWithoutEndIsNotWaitedFor) {
  const Page page("HTTP/1.1 200 OK\r\n\r\n" + std::string(1000, 'x'), true);
  EXPECT_TRUE(check(fmt::format(R"({{"httpGet":{{"port":{}}}}})", page.port())).ok);
}

TEST_F(Attempt, TcpOnlyConnects) {
  const Page page("");
  EXPECT_TRUE(check(fmt::format(R"({{"tcpSocket":{{"port":{}}}}})", page.port())).ok);
}

}  // namespace
}  // namespace natrix::agent
