// Bytes of a watch stream in, events out: one JSON document a line, lines cut anywhere. Pure.
// Not thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "operator/kube/api.h"

namespace natrix::kube {

class WatchDecoder {
 public:
  // A line longer than `max_line_bytes` ends the stream with kServer.
  WatchDecoder(std::string what, size_t max_line_bytes, std::function<void(WatchEvent)> on_event);

  // False: the stream is over, see error().
  bool feed(std::string_view bytes);
  // The ERROR event the server sent (410 becomes kGone), or what was malformed.
  [[nodiscard]] const std::optional<ApiError>& error() const { return error_; }

 private:
  bool line(std::string_view text);
  bool broken(std::string message);

  const std::string what_;
  const size_t max_line_bytes_;
  const std::function<void(WatchEvent)> on_event_;
  std::string partial_;
  std::optional<ApiError> error_;
};

}  // namespace natrix::kube
