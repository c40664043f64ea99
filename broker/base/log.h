// The broker's log: one line an event in the NATS form
//   [pid] 2026/08/01 12:34:56.123456 [INF] text
// (wire.md 23.4). Lines go to stderr, a file with rotation, or syslog, as configured.
//
// Logger is safe from any thread; a line is written whole. Levels that are off cost one relaxed
// load and no formatting. reopen() serves SIGUSR1.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace natrix {

enum class LogLevel : uint8_t { kInfo, kDebug, kWarn, kError, kFatal, kTrace };

struct LogOptions {
  bool debug = false;
  bool trace = false;
  bool time = true;                   // logtime
  bool time_utc = false;              // logtime_utc
  bool pid = true;                    // left out when embedded
  std::string file;                   // empty: stderr
  int64_t file_size_limit_bytes = 0;  // 0: no rotation
  int64_t file_max_num = 0;           // files kept, the current one included; 0: all
  bool syslog = false;
  std::string remote_syslog;  // udp://host:port, tcp://host:port or unix:///path; wins over syslog

  bool operator==(const LogOptions&) const = default;
};

// Where formatted lines go; implemented by the sinks of this folder, by tests and by embedding
// applications. Called by one thread at a time, with the logger's lock held: a sink must neither
// block for long nor log. `line` comes without a line end and is valid during the call.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void write(LogLevel level, std::string_view line) = 0;
  virtual Result<void> reopen() { return {}; }
  // True: the sink adds its own time and level (syslog), lines are the bare text.
  [[nodiscard]] virtual bool wants_bare_text() const { return false; }
  // True: the level may be written in colour (a terminal).
  [[nodiscard]] virtual bool wants_colour() const { return false; }
};

class Logger {
 public:
  // Logs to stderr until configure() says otherwise.
  Logger();
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // Replaces the sink and the levels; on error (file cannot be opened, syslog not reached) nothing
  // changes.
  Result<void> configure(const LogOptions& options);
  // Sends lines to `sink` instead (tests, embedding applications). Levels stay as they are.
  void set_sink(std::shared_ptr<LogSink> sink);
  // Opens the log file anew, after a tool moved it away. On error the old file is kept.
  Result<void> reopen();

  [[nodiscard]] bool debug_enabled() const { return debug_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool trace_enabled() const { return trace_.load(std::memory_order_relaxed); }

  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    line(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    line(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    line(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void fatal(fmt::format_string<Args...> format, Args&&... args) {
    line(LogLevel::kFatal, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) {
    if (debug_enabled()) line(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) {
    if (trace_enabled()) line(LogLevel::kTrace, fmt::format(format, std::forward<Args>(args)...));
  }

  // Writes unconditionally. Control characters in `text` are escaped: what a peer sends must not
  // forge lines.
  void line(LogLevel level, std::string_view text);

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::atomic<bool> debug_{false};
  std::atomic<bool> trace_{false};
};

}  // namespace natrix
