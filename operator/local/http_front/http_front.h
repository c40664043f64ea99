// HttpFront: an ApiHandler behind an HTTP/1.1 server on loopback (cpp-httplib), for kubectl and for
// the operator's own client.
//
// There is no authentication, as `kubectl --server=http://127.0.0.1:PORT` has none to offer: every
// local user who reaches the port may do everything. Requests that a web browser makes for a page
// (a foreign Host, an Origin) are refused, for a page must not be able to start processes.
// start() and stop() are called by one thread.
#pragma once

#include <memory>
#include <string>

#include "broker/base/result.h"
#include "operator/local/http_front/message.h"

namespace natrix::http_front {

using Handler = std::function<Response(const Request&)>;

class HttpFront {
 public:
  explicit HttpFront(Handler handler);
  ~HttpFront();  // stops
  HttpFront(const HttpFront&) = delete;
  HttpFront& operator=(const HttpFront&) = delete;

  // Listens on 127.0.0.1; port 0: any free one. Returns the port.
  Result<int> start(int port);
  // Closes the listener and waits for requests under way: stop the ApiServer first, so that
  // watches end.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace natrix::http_front
