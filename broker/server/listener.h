// Listener: accepts TCP connections and hands the descriptors on. Lives on one io_context.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "broker/base/result.h"

namespace natrix::server {

class Listener {
 public:
  // `fd` is non-blocking; the callee owns it.
  using OnAccept = std::function<void(int fd)>;

  // Binds at once. `port` -1 or 0 takes a free one. "", "0.0.0.0" and "::" serve both
  // families. Errors name the address.
  static Result<std::unique_ptr<Listener>> open(asio::io_context& context, const std::string& host,
                                                int port, OnAccept on_accept);
  Listener(asio::io_context& context, int fd, int port, OnAccept on_accept);

  void start();
  // No more connections are accepted; the port is free when the call returns.
  void close();
  [[nodiscard]] int port() const { return port_; }

 private:
  void wait();
  void accept_ready();

  asio::posix::stream_descriptor socket_;
  asio::steady_timer retry_;
  int port_;
  OnAccept on_accept_;
};

}  // namespace natrix::server
