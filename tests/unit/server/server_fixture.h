// Whole servers in this process, and clients that speak the protocol over loopback.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/server/server.h"
#include "tests/support/socket_peer.h"

namespace natrix::server {

using tests::eventually;
using tests::SocketPeer;

class NoLog final : public LogSink {
 public:
  void write(LogLevel, std::string_view) override {}
};

inline config::Options local_options(int shards = 3) {
  config::Options options;
  options.host = "127.0.0.1";
  options.port = config::kRandomPort;
  options.shards = shards;
  return options;
}

class TestClient {
 public:
  explicit TestClient(SocketPeer peer, std::string_view credentials = {}) : peer_(std::move(peer)) {
    send(fmt::format("CONNECT {{\"verbose\":false,\"pedantic\":false,\"protocol\":1{}}}\r\n",
                     credentials));
  }
  bool send(std::string_view bytes) { return peer_.send(bytes); }
  // Waits until the server has done all that was sent before; false when it closed instead.
  bool ping() {
    size_t from = text.size();
    if (!send("PING\r\n")) return false;
    return read_to("PONG\r\n", from);
  }
  // Reads until `what` has come at or behind `from`.
  bool read_to(std::string_view what, size_t from = 0) {
    while (text.find(what, from) == std::string::npos) {
      if (peer_.read(text) != SocketPeer::Read::kData) return false;
    }
    return true;
  }
  bool closed() {
    SocketPeer::Read how = peer_.read_all(text);
    return how == SocketPeer::Read::kEnd || how == SocketPeer::Read::kReset;
  }
  [[nodiscard]] size_t count(std::string_view what) const {
    size_t found = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
      ++found;
    return found;
  }
  bool read_count(std::string_view what, size_t wanted) {
    while (count(what) < wanted) {
      if (peer_.read(text) != SocketPeer::Read::kData) return false;
    }
    return true;
  }

  std::string text;  // all that was received

 private:
  SocketPeer peer_;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() { log.set_sink(std::make_shared<NoLog>()); }
  std::unique_ptr<Server> start(config::Options options = local_options(), bool listen = true) {
    auto server = std::make_unique<Server>(std::move(options), log, listen);
    Result<void> started = server->start();
    EXPECT_TRUE(started) << started.error().message;
    return server;
  }
  static TestClient client(const Server& server, std::string_view credentials = {}) {
    return TestClient(SocketPeer::dial(server.client_port()), credentials);
  }
  Logger log;
};

}  // namespace natrix::server
