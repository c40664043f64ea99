// Requests of the monitoring port, parsed by hand (RFC 9110, 9112): GET and HEAD without a body.
//
//   RequestReader reader(8192);
//   reader.append(bytes);                     // as they come, in pieces of any size
//   auto next = reader.next();                // again after each request: clients may pipeline
//   if (!next) answer(next.error()) and close;
//   else if (*next) serve(**next);
//   else read more;
//
// Pure: no I/O, no clock. A reader belongs to one connection and one thread. Memory: what is given
// to append() and not yet consumed by next(); after an empty next() at most `max_head_bytes`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace natrix::monitor {

struct HttpRequest {
  bool head = false;        // HEAD: the answer carries no body
  bool keep_alive = false;  // the client wants to go on using the connection
  bool http10 = false;      // speaks HTTP/1.0 only
  std::string path;         // percent-decoded and clean: no "//", "." or ".."; starts with '/'
  std::string query;        // as sent, without '?'
};

// A request that cannot be served. The connection must be closed after the answer, because it is
// not known where the next request would start.
struct HttpError {
  int status = 400;
  std::string text;  // for the body: what is wrong and what to do
};

class RequestReader {
 public:
  explicit RequestReader(size_t max_head_bytes) : max_head_bytes_(max_head_bytes) {}

  void append(std::string_view bytes) { buffer_.append(bytes); }

  // The next request; nullopt: its head is not complete yet. Errors: 400 malformed, 405 method,
  // 413 body, 431 head larger than max_head_bytes, 505 version. After an error nothing more is
  // read.
  Result<std::optional<HttpRequest>, HttpError> next();

  // No byte of a further request has arrived.
  [[nodiscard]] bool empty() const { return buffer_.empty(); }

 private:
  // Length of the head at the front of buffer_ including its empty line; 0: not complete.
  size_t find_head_end();

  size_t max_head_bytes_;
  std::string buffer_;
  size_t scanned_ = 0;     // bytes of buffer_ looked at
  size_t line_start_ = 0;  // of the line that scanned_ is in
  bool in_head_ = false;   // a line that is not empty has been seen
};

// Parses one head: request line, header lines, empty line.
Result<HttpRequest, HttpError> parse_request_head(std::string_view head);

// Replaces %xx (and '+' by a space if `plus_is_space`); nullopt if an escape is malformed.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

}  // namespace natrix::monitor
