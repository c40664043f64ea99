// A server of a few lines for tests of the load generator: it greets, answers PING, remembers who
// has subscribed and hands every PUB to the test. Runs on a thread of its own until destroyed;
// the destructor of a derived class must call stop() first.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace natrix::bench {

class TinyServer {
 public:
  TinyServer() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  virtual ~TinyServer() {
    for (auto& [fd, input] : inputs_) {
      close(fd);
    }
    close(listener_);
  }
  uint16_t port() const { return port_; }

 protected:
  struct Publish {
    int from;
    std::string subject;
    std::string reply;
    std::string payload;
  };
  virtual void on_publish(const Publish& publish) = 0;

  // Not in the constructor: the thread calls the derived class.
  void start() {
    thread_ = std::thread([this] { serve(); });
  }
  void stop() {
    stopping_ = true;
    thread_.join();
  }

  const std::set<int>& subscribers() const { return subscribers_; }

  // A peer that noticed the fault has gone; that is its test's business.
  static void put(int fd, const std::string& bytes) {
    ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      EXPECT_EQ(sent, static_cast<ssize_t>(bytes.size()));
    }
  }

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
      return take_publish(fd, input, line);
    }
    return line;
  }

  size_t take_publish(int fd, std::string_view input, size_t line) {
    std::istringstream words{std::string(input.substr(4, line - 6))};
    Publish publish{fd, {}, {}, {}};
    std::vector<std::string> rest;
    words >> publish.subject;
    for (std::string word; words >> word;) {
      rest.push_back(word);
    }
    size_t bytes = std::stoul(rest.back());
    if (input.size() < line + bytes + 2) {
      return 0;
    }
    publish.reply = rest.size() > 1 ? rest.front() : "";
    publish.payload = input.substr(line, bytes);
    on_publish(publish);
    return line + bytes + 2;
  }

  int listener_;
  uint16_t port_ = 0;
  std::map<int, std::string> inputs_;
  std::set<int> subscribers_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace natrix::bench
