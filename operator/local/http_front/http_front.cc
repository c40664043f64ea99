#include "operator/local/http_front/http_front.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <thread>

namespace natrix::http_front {

namespace {

constexpr size_t kThreads = 64;  // one a connection; more connections wait
constexpr size_t kMaxBody = 4UL * 1024 * 1024;
// Also how long stop() may take: the library waits for idle connections to time out.
constexpr time_t kIdleSeconds = 1;

bool is_loopback(std::string host) {
  if (host.starts_with("[::1]")) return true;
  host = host.substr(0, host.find(':'));
  return host == "localhost" || host == "127.0.0.1" || host.empty();
}

// Web pages can send requests to 127.0.0.1, but a browser always says so.
bool from_browser(const httplib::Request& request) {
  return request.has_header("Origin") || request.has_header("Sec-Fetch-Site") ||
         !is_loopback(request.get_header_value("Host"));
}

Request to_request(const httplib::Request& from) {
  Request out;
  out.method = from.method;
  out.path = from.path;
  for (const auto& [name, value] : from.params) out.query[name] = value;
  out.accept = from.get_header_value("Accept");
  out.content_type = from.get_header_value("Content-Type");
  out.user_agent = from.get_header_value("User-Agent");
  out.body = from.body;
  return out;
}

// The library compresses what it takes for text when the client allows it, and a compressed stream
// arrives only when it ends. These types it leaves alone.
std::string uncompressed_type(const std::string& type) {
  return type == "application/json" ? "application/json; charset=utf-8"
                                    : "application/octet-stream";
}

void to_httplib(Response from, httplib::Response& out) {
  out.status = from.status;
  for (std::string warning : from.warnings) {
    for (size_t at = 0; (at = warning.find('"', at)) != std::string::npos; at += 2) {
      warning.insert(at, "\\");
    }
    out.headers.emplace("Warning", fmt::format("299 - \"{}\"", warning));
  }
  if (!from.retry_after.empty()) out.set_header("Retry-After", from.retry_after);
  if (!from.stream) {
    out.set_content(from.body, from.content_type);
    return;
  }
  out.set_chunked_content_provider(
      uncompressed_type(from.content_type),
      [stream = std::move(from.stream)](size_t, httplib::DataSink& sink) {
        bool open = true;
        stream([&](std::string_view piece) {
          open = open && sink.is_writable();
          if (open && !piece.empty()) open = sink.write(piece.data(), piece.size());
          return open;
        });
        if (open) sink.done();
        return open;
      });
}

}  // namespace

struct HttpFront::State {
  httplib::Server server;
  std::thread thread;
};

HttpFront::HttpFront(Handler handler) : state_(std::make_unique<State>()) {
  httplib::Server& server = state_->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_payload_max_length(kMaxBody);
  server.set_keep_alive_timeout(kIdleSeconds);
  server.set_keep_alive_max_count(100000);
  server.set_tcp_nodelay(true);
  // The library's own choice, SO_REUSEPORT, would let two programs share a port silently.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  const auto serve = [handler = std::move(handler)](const httplib::Request& request,
                                                    httplib::Response& response) {
    if (from_browser(request)) {
      response.status = 403;
      response.set_content("requests of web pages are refused\n", "text/plain");
      return;
    }
    to_httplib(handler(to_request(request)), response);
  };
  server.Get(".*", serve);
  server.Post(".*", serve);
  server.Put(".*", serve);
  server.Patch(".*", serve);
  server.Delete(".*", serve);
}

HttpFront::~HttpFront() {
  stop();
}

Result<int> HttpFront::start(int port) {
  httplib::Server& server = state_->server;
  const int bound = port == 0 ? server.bind_to_any_port("127.0.0.1")
                              : (server.bind_to_port("127.0.0.1", port) ? port : -1);
  if (bound <= 0) {
    return fail(fmt::format("cannot listen on 127.0.0.1:{}: is the port in use?", port));
  }
  state_->thread = std::thread([&server] { server.listen_after_bind(); });
  // The library forgets a stop() that comes before it runs.
  while (!server.is_running()) std::this_thread::yield();
  return bound;
}

void HttpFront::stop() {
  if (!state_->thread.joinable()) return;
  state_->server.stop();
  state_->thread.join();
}

}  // namespace natrix::http_front
