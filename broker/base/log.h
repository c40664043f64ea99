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
  int64_t file_max_num = 0;           // backups kept, 0: all
  bool syslog = false;
  std::string remote_syslog;  // udp://host:port, tcp://host:port or unix socket path
};

// Where formatted lines go; implemented by the sinks in log.cc and by tests.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void write(LogLevel level, std::string_view line) = 0;
  virtual Result<void> reopen() { return {}; }
};

class Logger {
 public:
  // Logs to stderr until configure() says otherwise.
  Logger();
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // Replaces the sink and the levels; on error (file cannot be opened) nothing changes.
  Result<void> configure(const LogOptions& options);
  // Sends lines to `sink` instead (tests, embedding applications).
  void set_sink(std::shared_ptr<LogSink> sink);
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

  void line(LogLevel level, std::string_view text);

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::atomic<bool> debug_{false};
  std::atomic<bool> trace_{false};
};

}  // namespace natrix
