// MonitorServer: the monitoring port of a broker (http / http_port, wire.md 17).
//
// How the server wires it:
//
//   asio::io_context io(1);
//   ServerSource source(shards, ...);              // implements monitor::Source (source.h)
//   monitor::MonitorServer monitor(io, source, log, {.host = options.http_host,
//                                                    .port = options.http_port,
//                                                    .base_path = options.http_base_path});
//   if (auto up = monitor.start(); !up) fatal(up.error().message);
//   log.info("Starting http monitor on {}:{}", host, monitor.port());
//   std::thread thread([&] { io.run(); });         // the monitor's own thread
//   ...
//   asio::post(io, [&] { monitor.stop(); });       // io.run() returns when nothing is left to do
//   thread.join();
//
// Thread rule: all calls on the thread that runs `io`, or while nobody runs it (start() before the
// thread is there, the destructor after it was joined). The Source is called on that thread and its
// answers must come back on it: a shard answers with asio::post(io, ...). Nothing on the message
// path ever waits for the monitor.
// Lifetime: `io`, `source` and `log` outlive the MonitorServer. After stop() the Source is not
// called again; answers that still come are dropped, so posting one to `io` stays safe as long as
// `io` exists.
//
// Bounds: see HttpLimits; a page has at most kMaxPageEntries entries and kMaxListsInWork lists are
// made at a time.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "broker/base/log.h"
#include "broker/base/result.h"
#include "broker/monitor/http_server.h"
#include "broker/monitor/source.h"

namespace natrix::monitor {

struct MonitorOptions {
  std::string host;       // "", "0.0.0.0" and "::" mean every interface, IPv4 and IPv6
  int port = 0;           // 0 or -1: any free one
  std::string base_path;  // "/nats": all pages are below it; "" or "/": none
  HttpLimits limits;
  TlsProvider tls;  // set: HTTPS
};

class Pages;

class MonitorServer {
 public:
  MonitorServer(asio::io_context& io, Source& source, Logger& log, MonitorOptions options);
  ~MonitorServer();  // stops
  MonitorServer(const MonitorServer&) = delete;
  MonitorServer& operator=(const MonitorServer&) = delete;

  // Binds and accepts. Error: the port cannot be listened to, with address and reason.
  Result<void> start();

  // Closes the port and every connection at once. May be called again.
  void stop();

  [[nodiscard]] int port() const;  // the real one; 0 before start() and after stop()

 private:
  static void sample_every_second(const std::shared_ptr<asio::steady_timer>& clock,
                                  const std::shared_ptr<Pages>& pages);

  asio::io_context& io_;
  MonitorOptions options_;
  std::shared_ptr<Pages> pages_;
  std::shared_ptr<HttpServer> http_;
  std::shared_ptr<asio::steady_timer> clock_;  // only while started
};

}  // namespace natrix::monitor
