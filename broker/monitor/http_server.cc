#include "broker/monitor/http_server.h"

#include <fmt/format.h>

#include <asio.hpp>
#include <asio/ssl.hpp>
#include <ctime>
#include <unordered_set>

#include "broker/monitor/http_session.h"

namespace natrix::monitor {
namespace {

using asio::ip::tcp;

// Answers of this size are always kept, so that probes work whatever else goes on.
constexpr size_t kSmallAnswer = 64 * 1024;
constexpr std::chrono::milliseconds kAcceptPause{200};

const char* reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

// RFC 9110 5.6.7, in English whatever the locale.
std::string http_date() {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  time_t now = std::time(nullptr);
  struct tm t {};
  gmtime_r(&now, &t);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[t.tm_wday], t.tm_mday,
                     kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

Result<tcp::endpoint> resolve(asio::io_context& io, const std::string& host, int port) {
  auto number = static_cast<uint16_t>(port < 0 ? 0 : port);
  asio::error_code error;
  if (host.empty()) return tcp::endpoint(tcp::v6(), number);
  auto address = asio::ip::make_address(host, error);
  if (!error) {
    // Every interface means both families, so that probes reach us in any kind of cluster.
    if (address.is_unspecified()) return tcp::endpoint(tcp::v6(), number);
    return tcp::endpoint(address, number);
  }
  auto found = tcp::resolver(io).resolve(host, std::to_string(number), error);
  if (error || found.empty()) {
    return fail(fmt::format("cannot find the address of \"{}\": {}", host, error.message()));
  }
  return found.begin()->endpoint();
}

asio::error_code open(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  asio::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    asio::error_code ignored;
    acceptor.close(ignored);
  }
  return error;
}

}  // namespace

std::string response_head(const HttpResponse& response, bool keep_alive) {
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n", response.status,
                  reason_phrase(response.status), response.content_type, response.body.size());
  head += fmt::format("Date: {}\r\nX-Content-Type-Options: nosniff\r\n", http_date());
  if (response.any_origin) head += "Access-Control-Allow-Origin: *\r\n";
  if (response.status == 405) head += "Allow: GET, HEAD\r\n";
  // Said in both cases: HTTP/1.0 clients need to hear that the connection stays open.
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

struct HttpServer::State final : SessionOwner, std::enable_shared_from_this<HttpServer::State> {
  State(asio::io_context& context, Logger& logger, HttpLimits http_limits, HttpHandler page_handler,
        TlsProvider tls_provider)
      : io(context),
        log(logger),
        bounds(http_limits),
        handler(std::move(page_handler)),
        tls(std::move(tls_provider)),
        acceptor(context),
        pause(context) {}

  const HttpLimits& limits() const override { return bounds; }

  void handle(const HttpRequest& request, Responder respond) override {
    handler(request, std::move(respond));
  }

  bool reserve(size_t bytes) override {
    if (bytes > kSmallAnswer && counters.waiting_bytes + bytes > bounds.max_waiting_bytes) {
      return false;
    }
    counters.waiting_bytes += bytes;
    return true;
  }

  void release(size_t bytes) override { counters.waiting_bytes -= bytes; }

  void closed(SessionBase& session) override { sessions.erase(&session); }

  void accept() {
    acceptor.async_accept([self = shared_from_this()](asio::error_code error, tcp::socket socket) {
      if (self->stopped) return;
      if (error) return self->accept_failed(error);
      self->welcome(std::move(socket));
      self->accept();
    });
  }

  // Out of descriptors or memory, mostly: goes on after a pause instead of spinning.
  void accept_failed(asio::error_code error) {
    log.warn("monitoring: cannot accept a connection: {}", error.message());
    pause.expires_after(kAcceptPause);
    pause.async_wait([self = shared_from_this()](asio::error_code) {
      if (!self->stopped) self->accept();
    });
  }

  void welcome(tcp::socket socket) {
    asio::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    if (sessions.size() >= bounds.max_connections && !close_longest_idle()) {
      return turn_away(std::move(socket));
    }
    if (tls) return welcome_secure(std::move(socket));
    begin(std::make_shared<HttpSession<tcp::socket>>(std::move(socket), shared_from_this()));
  }

  void welcome_secure(tcp::socket socket) {
    std::shared_ptr<const tls::Context> context = tls();
    if (!context) return;  // TLS was taken away by a reload
    // The wrapper gives back one reference when it goes; the session has taken its own by then.
    SSL_CTX_up_ref(context->native());
    asio::ssl::context wrapper(context->native());
    asio::ssl::stream<tcp::socket> stream(std::move(socket), wrapper);
    begin(std::make_shared<HttpSession<asio::ssl::stream<tcp::socket>>>(std::move(stream),
                                                                        shared_from_this()));
  }

  template <class Session>
  void begin(const std::shared_ptr<Session>& session) {
    sessions.insert(session.get());
    session->start();
  }

  bool close_longest_idle() {
    SessionBase* longest = nullptr;
    for (SessionBase* session : sessions) {
      if (!session->idle()) continue;
      if (longest == nullptr || session->idle_since() < longest->idle_since()) longest = session;
    }
    if (longest != nullptr) longest->close();
    return longest != nullptr;
  }

  // Best effort: one write to a fresh socket does not block.
  void turn_away(tcp::socket socket) {
    ++counters.refused;
    if (tls) return;  // there is no telling without a handshake
    HttpResponse busy{.status = 503, .body = "too many connections to the monitoring port\n"};
    std::string text = response_head(busy, false) + busy.body;
    asio::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(text), ignored);
    socket.close(ignored);
  }

  void stop() {
    stopped = true;
    asio::error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    // close() takes the session out of the set; its memory lives on with its pending operations.
    while (!sessions.empty()) (*sessions.begin())->close();
  }

  asio::io_context& io;
  Logger& log;
  HttpLimits bounds;
  HttpHandler handler;
  TlsProvider tls;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::unordered_set<SessionBase*> sessions;
  HttpCounters counters;
  bool stopped = false;
};

HttpServer::HttpServer(asio::io_context& io, Logger& log, HttpLimits limits, HttpHandler handler,
                       TlsProvider tls)
    : state_(std::make_shared<State>(io, log, limits, std::move(handler), std::move(tls))) {}

HttpServer::~HttpServer() {
  stop();
}

Result<void> HttpServer::listen(const std::string& host, int port) {
  auto endpoint = resolve(state_->io, host, port);
  if (!endpoint) return fail_with(endpoint.error());
  asio::error_code error = open(state_->acceptor, *endpoint);
  bool no_ipv6 = error == asio::error::address_family_not_supported ||
                 error == std::errc::address_not_available;
  if (no_ipv6 && endpoint->address().is_unspecified() && host != "::") {
    error = open(state_->acceptor, tcp::endpoint(tcp::v4(), endpoint->port()));
  }
  if (error) {
    return fail(
        fmt::format("can't listen to the monitor port: {}:{}: {}", host, port, error.message()));
  }
  state_->stopped = false;
  state_->accept();
  return {};
}

void HttpServer::stop() {
  state_->stop();
}

int HttpServer::port() const {
  asio::error_code error;
  auto endpoint = state_->acceptor.local_endpoint(error);
  return error ? 0 : endpoint.port();
}

HttpCounters HttpServer::counters() const {
  HttpCounters counters = state_->counters;
  counters.connections = state_->sessions.size();
  return counters;
}

}  // namespace natrix::monitor
