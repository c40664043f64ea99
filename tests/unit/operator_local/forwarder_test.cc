// Connections to Services, over real sockets.
#include "operator/local/agent/forwarder.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>

#include "operator/local/agent/addresses.h"
#include "tests/support/eventually.h"

namespace natrix::agent {
namespace {

using tests::eventually;

sockaddr_in endpoint(const std::string& address, int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, address.c_str(), &out.sin_addr);
  return out;
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    const timeval limit{30, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  void say(std::string_view text) const {
    ASSERT_EQ(send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // What comes up to `size` bytes or the end.
  [[nodiscard]] std::string hear(size_t size = SIZE_MAX) const {
    std::string out;
    char buffer[4096];
    while (out.size() < size) {
      const ssize_t got = recv(fd_, buffer, std::min(sizeof(buffer), size - out.size()), 0);
      if (got <= 0) break;
      out.append(buffer, static_cast<size_t>(got));
    }
    return out;
  }
  void finish() const { shutdown(fd_, SHUT_WR); }

 private:
  int fd_;
};

// A pod's program, by hand.
class Server {
 public:
  Server(const std::string& address, int port)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int yes = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    const sockaddr_in at = endpoint(address, port);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0) << strerror(errno);
    listen(fd_, 64);
  }
  ~Server() { close(fd_); }
  [[nodiscard]] Socket take() const { return Socket(accept(fd_, nullptr, nullptr)); }

 private:
  int fd_;
};

class Forwarding : public ::testing::Test {
 protected:
  void SetUp() override {
    service_ = addresses_->service("default", "s");
    create_service("s", service_, 7001);
  }
  void create_service(const char* name, const std::string& address, int port) {
    const Json service = {{"metadata", {{"name", name}, {"namespace", "default"}}},
                          {"spec",
                           {{"clusterIP", address},
                            {"selector", {{"app", "s"}}},
                            {"ports",
                             {{{"name", "a"}, {"port", port}, {"targetPort", 7777}},
                              {{"name", "b"}, {"port", port + 1}, {"targetPort", 7778}}}}}}};
    ASSERT_TRUE(objects_.create(kube::kServices, service));
  }
  using Json = kube::Json;
  // Returns the pod's address.
  std::string add_pod(const std::string& name, bool ready = true) {
    const Json pod = {
        {"metadata", {{"name", name}, {"namespace", "default"}, {"labels", {{"app", "s"}}}}},
        {"spec", {{"containers", {{{"name", "c"}, {"image", "i"}}}}}}};
    EXPECT_TRUE(objects_.create(kube::kPods, pod));
    set_ready(name, ready);
    return addresses_->pod("default", name);
  }
  void set_ready(const std::string& name, bool ready) {
    const Json pod = *objects_.get(kube::kPods, "default", name);
    Json status = pod["status"];
    status["podIP"] = addresses_->pod("default", name);
    workload::set_condition(status["conditions"], "Ready", ready ? "True" : "False", "", "",
                            objects_.now());
    ASSERT_TRUE(objects_.update_status(kube::kPods, pod, status));
  }
  Socket dial(int port = 7001) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in at = endpoint(service_, port);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0)
        << strerror(errno);
    return Socket(fd);
  }
  bool refused(int port = 7001) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in at = endpoint(service_, port);
    const bool out = connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) != 0;
    close(fd);
    return out;
  }

  std::unique_ptr<Addresses> addresses_ = std::move(*Addresses::claim());
  memory_api::ApiServer server_;
  workload::Objects objects_{server_, "test"};
  ops::Log log_{[](std::string_view) {}};
  Forwarder forwarder_{server_, log_};
  std::string service_;
};

TEST_F(Forwarding, BothWaysAndEachHalfClosedByItself) {
  const Server pod(add_pod("p"), 7777);
  forwarder_.sync();
  const Socket client = dial();
  const Socket server = pod.take();
  client.say("question");
  EXPECT_EQ(server.hear(8), "question");
  client.finish();
  EXPECT_EQ(server.hear(), "");
  server.say("a late answer");
  EXPECT_EQ(client.hear(13), "a late answer");
  server.finish();
  EXPECT_EQ(client.hear(), "");
}

TEST_F(Forwarding, MoreThanAnyBufferHolds) {
  const Server pod(add_pod("p"), 7777);
  forwarder_.sync();
  const Socket client = dial();
  const Socket server = pod.take();
  std::string sent;
  for (int i = 0; sent.size() < (size_t{8} << 20); ++i) sent += std::to_string(i) + " ";
  std::thread writer([&] {
    server.say(sent);
    server.finish();
  });
  EXPECT_TRUE(client.hear() == sent);
  writer.join();
}

TEST_F(Forwarding, AllPortsOfAService) {
  const Server pod(add_pod("p"), 7778);
  forwarder_.sync();
  const Socket client = dial(7002);
  pod.take().say("hi");
  EXPECT_EQ(client.hear(), "hi");
}

TEST_F(Forwarding, ReadyPodsTakeTurns) {
  std::map<std::string, int> counts;
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<Server>> servers;
  for (const char* name : {"a", "b", "unready"}) {
    servers.push_back(std::make_unique<Server>(add_pod(name, name[0] != 'u'), 7777));
    if (name[0] == 'u') continue;
    threads.emplace_back([server = servers.back().get(), name] {
      for (int i = 0; i < 3; ++i) server->take().say(name);
    });
  }
  forwarder_.sync();
  for (int i = 0; i < 6; ++i) ++counts[dial().hear()];
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts, (std::map<std::string, int>{{"a", 3}, {"b", 3}}));
}

TEST_F(Forwarding, APodThatDoesNotAnswerIsPassedOver) {
  add_pod("dead");
  const Server pod(add_pod("live"), 7777);
  forwarder_.sync();
  for (int i = 0; i < 4; ++i) {
    const Socket client = dial();
    pod.take().say("live");
    EXPECT_EQ(client.hear(), "live");
  }
}

TEST_F(Forwarding, WithoutReadyPodsConnectionsAreClosed) {
  add_pod("p", false);
  forwarder_.sync();
  EXPECT_EQ(dial().hear(), "");
}

TEST_F(Forwarding, ServicesComeAndGoAndTheirConnectionsStay) {
  const Server pod(add_pod("p"), 7777);
  EXPECT_TRUE(refused());
  forwarder_.sync();
  const Socket client = dial();
  const Socket server = pod.take();
  objects_.remove(kube::kServices, *objects_.get(kube::kServices, "default", "s"));
  forwarder_.sync();
  EXPECT_TRUE(eventually([&] { return refused(); }));
  client.say("still here");
  EXPECT_EQ(server.hear(10), "still here");
}

TEST_F(Forwarding, APortThatIsTakenIsToldOnceAndTriedAgain) {
  auto squatter = std::make_unique<Server>(service_, 7001);
  for (int i = 0; i < 3; ++i) forwarder_.sync();
  const auto events = objects_.list(kube::kEvents);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_THAT(workload::text(events[0], {"note"}), ::testing::HasSubstr(service_ + ":7001: "));
  squatter.reset();
  const Server pod(add_pod("p"), 7777);
  forwarder_.sync();
  const Socket client = dial();
  pod.take().say("hi");
  EXPECT_EQ(client.hear(), "hi");
}

TEST_F(Forwarding, StoppingClosesEverything) {
  const Server pod(add_pod("p"), 7777);
  forwarder_.sync();
  const Socket client = dial();
  const Socket server = pod.take();
  forwarder_.stop();
  EXPECT_TRUE(refused());
}

}  // namespace
}  // namespace natrix::agent
