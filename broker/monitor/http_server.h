// HttpServer: a small HTTP/1.1 server for pages that are read, not written: GET and HEAD,
// keep-alive, pipelining (answers in the order of the requests, one at a time), no request bodies.
//
//   HttpServer http(io, log, {}, [](const HttpRequest& request, Responder respond) {
//     respond({.status = 200, .content_type = "text/plain", .body = "hello\n"});
//   });
//   if (auto up = http.listen("127.0.0.1", 0); !up) ...;    // http.port() is the real one
//   io.run();                                               // the caller's thread
//   http.stop();
//
// Thread rule: everything happens on the thread that runs `io`; listen() and stop() are called
// there or while nobody runs it. `io` and `log` must outlive the server and run dry (or be
// destroyed) before what the handler refers to goes away.
//
// Bounds, each with its consequence (HttpLimits has the numbers):
//   request head       431, connection closed
//   connections        the one idle longest is closed to make room; if none is idle, 503 and close
//   time for a handshake (HTTPS): that of a head, then close
//   time for a head    408 and close; idle time between requests: close
//   time for an answer 503 and close; a Responder that is called later does nothing
//   stalled client     connection closed
//   bytes of answers   that wait for slow clients: further large answers become 503
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "broker/base/log.h"
#include "broker/base/result.h"
#include "broker/monitor/http_request.h"
#include "broker/tls/context.h"

namespace natrix::monitor {

struct HttpLimits {
  size_t max_head_bytes = 8192;
  size_t max_connections = 256;
  size_t max_waiting_bytes = size_t{256} << 20;   // answers of up to 64 KiB are not refused for it
  std::chrono::milliseconds head_deadline{5000};  // from the first byte of a request
  std::chrono::milliseconds idle_deadline{120'000};   // for the first byte of the next request
  std::chrono::milliseconds answer_deadline{10'000};  // for the handler
  std::chrono::milliseconds stall_deadline{10'000};   // without any progress in sending
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  bool any_origin = false;  // scripts of other sites may read it (Access-Control-Allow-Origin: *)
  std::string body;
};

// Answers one request; may be kept and called later, on the server's thread. Only the first call
// counts.
using Responder = std::function<void(HttpResponse)>;
using HttpHandler = std::function<void(const HttpRequest&, Responder)>;

// The certificates to serve with, asked for at every connection so that they can be renewed. Null:
// the connection is closed.
using TlsProvider = std::function<std::shared_ptr<const tls::Context>()>;

struct HttpCounters {
  size_t connections = 0;    // now
  uint64_t refused = 0;      // connections turned away
  size_t waiting_bytes = 0;  // answers not yet taken by their clients
};

class HttpServer {
 public:
  // `tls` set: HTTPS. Clients are not asked for certificates.
  HttpServer(asio::io_context& io, Logger& log, HttpLimits limits, HttpHandler handler,
             TlsProvider tls = nullptr);
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Starts to accept. `host`: an address, a name (its first address), or an unspecified address or
  // nothing for all interfaces, IPv6 and IPv4. `port` 0 or -1: any free one. Error: the reason,
  // with the address.
  Result<void> listen(const std::string& host, int port);

  // Closes the listener and all connections, answers in flight included. May be called again.
  void stop();

  [[nodiscard]] int port() const;  // 0 before listen()
  [[nodiscard]] HttpCounters counters() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace natrix::monitor
