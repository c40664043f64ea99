// One HTTP/1.1 connection pool to one API server, reduced to what HttpApi needs. The only
// implementation is cpprest/; anything that can send a request and stream an answer could be
// another.
//
// Safe from any thread. Calls block; they end when the answer is there, at the deadline, or within
// milliseconds of a cancellation. Redirects are not followed and nothing is compressed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/result.h"
#include "operator/base/clock.h"
#include "operator/kube/cancellation.h"

namespace natrix::kube {

struct HttpRequest {
  std::string method;
  std::string target;  // path and query, percent-encoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type;
  std::string body;  // sent when content_type is set
};

struct HttpResponse {
  int status = 0;
  std::string retry_after;  // the header as sent; empty: none
  std::string body;
};

enum class TransportErrc {
  kTimeout,     // no complete answer before the deadline, or a silent stream
  kConnection,  // refused, reset, cut, TLS failure, not HTTP
  kCancelled,
  kTooLarge,  // more than max_body_bytes
};

struct TransportError {
  TransportErrc code = TransportErrc::kConnection;
  std::string message;
};

// Everything a connection is made from; a change of any of it takes a new Transport.
struct Endpoint {
  std::string url;              // https://host:port[/prefix]
  std::string tls_server_name;  // empty: the host of url
  bool insecure_skip_tls_verify = false;
  std::string ca_pem;    // empty: the machine's trust store
  std::string cert_pem;  // client certificate chain and key; both or neither
  std::string key_pem;
  ops::Duration stream_idle_timeout = std::chrono::seconds(90);
  size_t max_body_bytes = size_t{64} << 20;
};

class Transport {
 public:
  virtual ~Transport() = default;

  virtual Result<HttpResponse, TransportError> call(const HttpRequest& request,
                                                    ops::Duration timeout,
                                                    Cancellation& cancel) = 0;

  // As call() without an overall deadline; the body of a 200 is handed to `on_bytes` on the calling
  // thread as it arrives, and no more is read from the peer than a few hundred KiB ahead of it.
  // `on_bytes` returns false to hang up, which counts as a normal end. A stream on which nothing
  // arrives for stream_idle_timeout fails with kTimeout.
  virtual Result<HttpResponse, TransportError> stream(
      const HttpRequest& request, const std::function<bool(std::string_view)>& on_bytes,
      Cancellation& cancel) = 0;
};

// Fails when the endpoint cannot work whatever the network does: a malformed URL or PEM text.
using TransportFactory = std::function<Result<std::shared_ptr<Transport>>(const Endpoint&)>;

}  // namespace natrix::kube
