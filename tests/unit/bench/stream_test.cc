// A stream must fail when the server loses, repeats or reorders a message. The server here is a
// few lines that answer PING and hand every PUB to everybody, with one fault on request.
#include "bench/loadgen/stream.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace natrix::bench {
namespace {

enum class Fault { kNone, kRepeat, kReorder, kSkip };

constexpr size_t kPayloadBytes = 16;
constexpr uint64_t kFaultAt = 500;

class TinyServer {
 public:
  explicit TinyServer(Fault fault) : fault_(fault), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~TinyServer() {
    stopping_ = true;
    thread_.join();
    for (auto& [fd, input] : inputs_) {
      close(fd);
    }
    close(listener_);
  }
  uint16_t port() const { return port_; }

 private:
  void serve() {
    while (!stopping_) {
      std::vector<pollfd> entries = {{listener_, POLLIN, 0}};
      for (auto& [fd, input] : inputs_) {
        entries.push_back({fd, POLLIN, 0});
      }
      poll(entries.data(), entries.size(), 20);
      if ((entries[0].revents & POLLIN) != 0) {
        int fd = accept(listener_, nullptr, nullptr);
        inputs_[fd];
        put(fd, "INFO {}\r\n");
      }
      for (size_t i = 1; i < entries.size(); ++i) {
        if (entries[i].revents != 0) {
          read_some(entries[i].fd);
        }
      }
    }
  }

  void read_some(int fd) {
    char buffer[65536];
    ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got <= 0) {
      close(fd);
      inputs_.erase(fd);
      subscribers_.erase(fd);
      return;
    }
    std::string& input = inputs_[fd];
    input.append(buffer, static_cast<size_t>(got));
    size_t at = 0;
    while (size_t taken = take_one(fd, std::string_view(input).substr(at))) {
      at += taken;
    }
    input.erase(0, at);
  }

  size_t take_one(int fd, std::string_view input) {
    size_t end = input.find("\r\n");
    if (end == std::string_view::npos) {
      return 0;
    }
    size_t line = end + 2;
    if (input.substr(0, 4) == "PING") {
      put(fd, "PONG\r\n");
    } else if (input.substr(0, 4) == "SUB ") {
      subscribers_.insert(fd);
    } else if (input.substr(0, 4) == "PUB ") {
      if (input.size() < line + kPayloadBytes + 2) {
        return 0;
      }
      deliver("MSG bench.topic 1 16\r\n" + std::string(input.substr(line, kPayloadBytes + 2)));
      return line + kPayloadBytes + 2;
    }
    return line;
  }

  void deliver(const std::string& frame) {
    uint64_t number = delivered_++;
    if (number == kFaultAt && fault_ != Fault::kNone) {
      held_ = frame;
      if (fault_ != Fault::kRepeat) {
        return;
      }
    }
    for (int fd : subscribers_) {
      put(fd, frame);
      if (number == kFaultAt + 1 && fault_ == Fault::kReorder) {
        put(fd, held_);
      } else if (number == kFaultAt && fault_ == Fault::kRepeat) {
        put(fd, held_);
      }
    }
  }

  // A peer that noticed the fault has gone; that is its test's business.
  static void put(int fd, const std::string& bytes) {
    ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      EXPECT_EQ(sent, static_cast<ssize_t>(bytes.size()));
    }
  }

  Fault fault_;
  int listener_;
  uint16_t port_ = 0;
  std::map<int, std::string> inputs_;
  std::set<int> subscribers_;
  uint64_t delivered_ = 0;
  std::string held_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

TEST(Stream, EveryMessageOfEveryPublisherReachesEveryReceiver) {
  TinyServer server(Fault::kNone);
  Stream stream(server.port(), {.publishers = 3, .receivers = 2});
  stream.run(1'000);
  stream.run(2'000);
  EXPECT_EQ(stream.deliveries_per_message(), 2u);
}

TEST(Stream, PublishingToNobodyWaitsForTheServer) {
  TinyServer server(Fault::kNone);
  Stream stream(server.port(), {.receivers = 0});
  stream.run(3'000);
}

TEST(Stream, NoticesFaults) {
  for (Fault fault : {Fault::kRepeat, Fault::kReorder, Fault::kSkip}) {
    TinyServer server(fault);
    Stream stream(server.port(), {});
    EXPECT_THROW(stream.run(2'000), std::runtime_error) << static_cast<int>(fault);
  }
}

}  // namespace
}  // namespace natrix::bench
