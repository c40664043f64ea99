// How a log line looks, shared by the logger and the file sink, which adds lines of its own when it
// rotates (wire.md 23.4). Used by one thread at a time, under the logger's lock.
#pragma once

#include <sys/types.h>

#include <ctime>
#include <string>
#include <string_view>

#include "broker/base/log.h"

namespace natrix {

class LogLineFormat {
 public:
  LogLineFormat(const LogOptions& options, bool colour);

  // "[pid] 2026/08/01 12:34:56.123456 [INF] text"; valid until the next call.
  std::string_view line(LogLevel level, std::string_view text);

 private:
  void append_time();

  bool time_;
  bool utc_;
  bool colour_;
  std::string pid_prefix_;  // read once: getpid() is a system call
  time_t cached_second_ = -1;
  std::string cached_text_;  // of cached_second_, up to the seconds
  std::string buffer_;
};

// Appends `text` with control characters other than tab as "\n", "\r" or "\x1b".
void append_escaped(std::string& out, std::string_view text);

}  // namespace natrix
