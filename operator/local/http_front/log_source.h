// Where the logs of pods come from, for `kubectl logs`. Implemented by the node agent.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "operator/local/memory_api/status.h"

namespace natrix::http_front {

struct LogRequest {
  std::string ns;
  std::string pod;
  std::string container;  // empty: the only one
  bool follow = false;
  bool previous = false;  // of the instance before the last restart
  bool timestamps = false;
  std::optional<int64_t> tail_lines;
  std::optional<int64_t> since_seconds;
  std::string since_time;  // RFC 3339
  std::optional<int64_t> limit_bytes;
};

// One reading of one log. Used by one thread.
class LogReader {
 public:
  virtual ~LogReader() = default;
  // The next piece; empty when nothing came within `wait`; nothing at the end.
  virtual std::optional<std::string> next(std::chrono::milliseconds wait) = 0;
};

class LogSource {
 public:
  virtual ~LogSource() = default;
  // Safe from any thread.
  virtual memory_api::Outcome<std::unique_ptr<LogReader>> open_log(const LogRequest& request) = 0;
};

}  // namespace natrix::http_front
