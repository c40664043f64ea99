#include "operator/kube/cpprest/transport.h"

#include <cpprest/containerstream.h>
#include <cpprest/http_client.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <pplx/threadpool.h>

#include <mutex>

#include "operator/kube/cpprest/body_sink.h"
#include "operator/kube/cpprest/exchange.h"
#include "operator/kube/cpprest/tls.h"

namespace natrix::kube {
namespace {

namespace http = web::http;
using http::client::http_client;
using http::client::http_client_config;

// The library's errno is often wrong (a dropped connection reads as "No such file or directory"),
// so only the two values that say what to do are looked at; its text says the rest.
TransportError classify(const http::http_exception& error, const std::string& url) {
  int value = error.error_code().value();
  std::string what = error.what();
  if (value == static_cast<int>(std::errc::operation_canceled)) {
    return {TransportErrc::kCancelled, "cancelled"};
  }
  if (value == static_cast<int>(std::errc::timed_out)) {
    return {TransportErrc::kTimeout, fmt::format("no answer from {} in time", url)};
  }
  if (what.find("SSL handshake") != std::string::npos) {
    const char* reason = ERR_reason_error_string(static_cast<unsigned long>(value));
    what = fmt::format("TLS handshake failed: {}", reason ? reason : "connection closed");
  }
  return {TransportErrc::kConnection, fmt::format("connection to {}: {}", url, what)};
}

// Runs `step`, which reads a finished task, and turns what it throws into an error.
template <class Step>
std::optional<TransportError> guarded(const std::string& url, Step step) {
  try {
    step();
    return std::nullopt;
  } catch (const http::http_exception& error) {
    return classify(error, url);
  } catch (const std::exception& error) {
    return TransportError{TransportErrc::kConnection,
                          fmt::format("connection to {}: {}", url, error.what())};
  }
}

http::http_request build(const HttpRequest& request, const Endpoint& endpoint,
                         std::shared_ptr<Exchange> exchange) {
  http::http_request message(request.method);
  message.set_request_uri(web::uri(request.target));
  for (const auto& [name, value] : request.headers) message.headers().add(name, value);
  // The library takes SNI and the name to verify from the Host header.
  if (!endpoint.tls_server_name.empty()) message.headers().add("Host", endpoint.tls_server_name);
  if (!request.content_type.empty()) {
    std::vector<uint8_t> bytes(request.body.begin(), request.body.end());
    auto body = Concurrency::streams::bytestream::open_istream(std::move(bytes));
    message.set_body(body, request.body.size(), request.content_type);
  }
  auto sink = std::make_shared<BodySink>(std::move(exchange));
  message.set_response_stream(
      Concurrency::streams::streambuf<uint8_t>(std::move(sink)).create_ostream());
  return message;
}

class CpprestTransport final : public Transport {
 public:
  explicit CpprestTransport(Endpoint endpoint)
      : endpoint_(std::move(endpoint)),
        calls_(endpoint_.url, config(std::chrono::seconds(60))),
        streams_(endpoint_.url, config(endpoint_.stream_idle_timeout)) {}

  Result<HttpResponse, TransportError> call(const HttpRequest& request, ops::Duration timeout,
                                            Cancellation& cancel) override {
    ops::Time deadline = ops::system_clock().now() + timeout;
    std::shared_ptr<Exchange> exchange = start(calls_, request);
    Cancellation::Registration registration(cancel, [exchange] { exchange->abort(); });
    if (!exchange->wait_head(deadline)) return timed_out(*exchange, timeout);
    return collect(*exchange, deadline, timeout);
  }

  Result<HttpResponse, TransportError> stream(const HttpRequest& request,
                                              const std::function<bool(std::string_view)>& on_bytes,
                                              Cancellation& cancel) override {
    std::shared_ptr<Exchange> exchange = start(streams_, request);
    Cancellation::Registration registration(cancel, [exchange] { exchange->abort(); });
    exchange->wait_head(ops::Time::max());
    if (exchange->status() != http::status_codes::OK) {
      ops::Time deadline = ops::system_clock().now() + endpoint_.stream_idle_timeout;
      return collect(*exchange, deadline, endpoint_.stream_idle_timeout);
    }
    std::string bytes;
    bool timed_out = false;
    while (exchange->take_body(bytes, ops::Time::max(), timed_out)) {
      if (on_bytes(bytes)) continue;
      exchange->abort();
      return HttpResponse{.status = exchange->status()};
    }
    return outcome(*exchange, {});
  }

 private:
  // The library's timeout restarts with every step and every chunk, so for a call it is only the
  // net below our own deadline, and for a stream exactly the idle timeout we want.
  http_client_config config(ops::Duration idle) const {
    http_client_config config;
    config.set_timeout(std::chrono::duration_cast<std::chrono::microseconds>(idle));
    config.set_validate_certificates(!endpoint_.insecure_skip_tls_verify);
    config.set_max_redirects(0);  // would carry our token to wherever it is told
    Endpoint endpoint = endpoint_;
    config.set_ssl_context_callback(
        [endpoint = std::move(endpoint)](boost::asio::ssl::context& context) {
          configure_tls(context, endpoint);
        });
    return config;
  }

  // Continuations never block and observe every task: an unobserved exception ends the process.
  std::shared_ptr<Exchange> start(http_client& client, const HttpRequest& request) {
    auto exchange = std::make_shared<Exchange>();
    std::string url = endpoint_.url;
    auto failed = guarded(url, [&] {
      client.request(build(request, endpoint_, exchange), exchange->token())
          .then([exchange, url](pplx::task<http::http_response> head) {
            http::http_response response;
            auto error = guarded(url, [&] { response = head.get(); });
            if (error) {
              exchange->finished(std::move(error));
              return;
            }
            std::string retry_after;
            response.headers().match("Retry-After", retry_after);
            exchange->head_arrived(response.status_code(), std::move(retry_after));
            response.content_ready().then([exchange, url](pplx::task<http::http_response> body) {
              exchange->finished(guarded(url, [&] { body.get(); }));
            });
          });
    });
    if (failed) exchange->finished(std::move(failed));
    return exchange;
  }

  Result<HttpResponse, TransportError> collect(Exchange& exchange, ops::Time deadline,
                                               ops::Duration timeout) {
    std::string body;
    std::string bytes;
    bool late = false;
    while (exchange.take_body(bytes, deadline, late)) {
      body += bytes;
      if (body.size() <= endpoint_.max_body_bytes) continue;
      exchange.abort();
      return fail_with(
          TransportError{TransportErrc::kTooLarge,
                         fmt::format("answer is larger than {} bytes", endpoint_.max_body_bytes)});
    }
    if (late) return timed_out(exchange, timeout);
    return outcome(exchange, std::move(body));
  }

  Result<HttpResponse, TransportError> outcome(const Exchange& exchange, std::string body) const {
    if (exchange.aborted()) {
      return fail_with(TransportError{TransportErrc::kCancelled, "cancelled"});
    }
    if (auto failure = exchange.failure()) return fail_with(std::move(*failure));
    return HttpResponse{exchange.status(), exchange.retry_after(), std::move(body)};
  }

  Result<HttpResponse, TransportError> timed_out(Exchange& exchange, ops::Duration timeout) const {
    exchange.abort();
    auto seconds = std::chrono::duration<double>(timeout).count();
    return fail_with(TransportError{
        TransportErrc::kTimeout,
        fmt::format("no complete answer from {} in {:g} s", endpoint_.url, seconds)});
  }

  Endpoint endpoint_;
  http_client calls_;
  http_client streams_;  // apart, so that a call never waits behind a watch's settings
};

std::once_flag pool_once;

void start_pool(size_t threads) {
  std::call_once(pool_once, [threads] { crossplat::threadpool::initialize_with_threads(threads); });
}

}  // namespace

void set_transport_threads(size_t threads) {
  start_pool(threads);
}

Result<std::shared_ptr<Transport>> make_cpprest_transport(const Endpoint& endpoint) {
  start_pool(kDefaultTransportThreads);
  try {
    boost::asio::ssl::context trial(boost::asio::ssl::context::tls_client);
    configure_tls(trial, endpoint);
    return std::shared_ptr<Transport>(std::make_shared<CpprestTransport>(endpoint));
  } catch (const std::exception& error) {
    return fail(fmt::format("{}: {}", endpoint.url, error.what()));
  }
}

}  // namespace natrix::kube
