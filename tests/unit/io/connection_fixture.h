// A Connection of a simple protocol (eight decimal digits of length, then that many bytes) on a
// shard of its own, with the test at the other end of a socket pair.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <charconv>
#include <functional>
#include <future>
#include <mutex>

#include "broker/io/connection.h"
#include "tests/support/socket_peer.h"

namespace natrix::io {

using tests::eventually;
using tests::SocketPeer;

inline std::string operation(std::string_view payload) {
  return fmt::format("{:08}{}", payload.size(), payload);
}

class TestConnection final : public Connection {
 public:
  using OnOperation = std::function<void(TestConnection&, std::string_view, SharedBytes&)>;

  TestConnection(Shard& shard, int fd, Limits limits) : Connection(shard, fd, limits) {}

  using Connection::begin_tls;
  using Connection::pause_reading;
  using Connection::queue;
  using Connection::queued;
  using Connection::resume_reading;
  using Connection::stall_reading;
  using Connection::wake_at;

  // Shard only.
  OnOperation on_operation = [](TestConnection&, std::string_view, SharedBytes&) {};
  std::function<void(TestConnection&)> on_wake = [](TestConnection&) {};
  bool announce_size = true;  // false: as for operations whose size is unknown until they end
  bool hold = false;          // leaves operations where they are

  // Any thread.
  std::vector<std::string> operations() {
    std::lock_guard lock(mutex_);
    return operations_;
  }
  size_t count() {
    std::lock_guard lock(mutex_);
    return operations_.size();
  }
  std::vector<CloseReason> closed() {
    std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  Consumed on_data(SharedBytes& block, char* data, size_t size) override {
    size_t at = 0;
    while (open() && !hold && size - at >= 8) {
      size_t length = 0;
      std::from_chars(data + at, data + at + 8, length);
      if (size - at < 8 + length) return {at, announce_size ? 8 + length : 0};
      {
        std::lock_guard lock(mutex_);
        operations_.emplace_back(data + at + 8, length);
      }
      on_operation(*this, {data + at + 8, length}, block);
      at += 8 + length;
    }
    return {at, 0};
  }
  void on_closed(CloseReason reason) override {
    std::lock_guard lock(mutex_);
    closed_.push_back(reason);
  }
  void on_timer() override { on_wake(*this); }

  std::mutex mutex_;
  std::vector<std::string> operations_;
  std::vector<CloseReason> closed_;
};

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() { shard.start(); }
  ~ConnectionTest() override { shard.stop(); }

  // Runs `f` on the shard and waits for it.
  void on_shard(const std::function<void()>& f) {
    std::promise<void> done;
    shard.post([&] {
      f();
      done.set_value();
    });
    done.get_future().wait();
  }

  // Makes the connection; `prepare` runs on the shard before it starts.
  void connect(
      Limits limits = {},
      const std::function<void(TestConnection&)>& prepare = [](TestConnection&) {}) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    peer = SocketPeer(ends[0]);
    on_shard([&] {
      connection = std::make_shared<TestConnection>(shard, ends[1], limits);
      prepare(*connection);
      connection->start();
    });
  }

  // Gives up the test's own reference, like a registry does; true when the connection was destroyed
  // in time.
  bool destroyed() {
    std::weak_ptr<TestConnection> weak = connection;
    on_shard([&] { connection.reset(); });
    return eventually([&] { return weak.expired(); });
  }

  EpochDomain epochs;
  Shard shard{0, epochs};
  SocketPeer peer;
  std::shared_ptr<TestConnection> connection;
};

}  // namespace natrix::io
