// The operator's log: one structured line an event,
//   time=2026-08-01T12:34:56.123Z level=info msg="cluster ready" cluster=shop/orders replicas=3
// or the same as a JSON object a line. Lines go to stderr unless a sink is given.
//
// Safe from any thread; a line is written whole. Never log a token, a key or an object's body.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>

namespace natrix::ops {

enum class Level { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kLogfmt, kJson };

struct Field {
  template <class T>
  Field(std::string_view name, const T& content) : key(name), value(fmt::format("{}", content)) {}
  std::string_view key;
  std::string value;
};
using Fields = std::initializer_list<Field>;

class Log {
 public:
  using Sink = std::function<void(std::string_view line)>;  // without the newline

  Log() = default;
  explicit Log(Sink sink) : sink_(std::move(sink)) {}
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void set_format(LogFormat format) { format_ = format; }
  void set_level(Level level) { level_ = level; }

  void debug(std::string_view message, Fields fields = {}) {
    write(Level::kDebug, message, fields);
  }
  void info(std::string_view message, Fields fields = {}) { write(Level::kInfo, message, fields); }
  void warn(std::string_view message, Fields fields = {}) { write(Level::kWarn, message, fields); }
  void error(std::string_view message, Fields fields = {}) {
    write(Level::kError, message, fields);
  }

 private:
  void write(Level level, std::string_view message, Fields fields);

  std::atomic<LogFormat> format_{LogFormat::kLogfmt};
  std::atomic<Level> level_{Level::kInfo};
  std::mutex mutex_;
  Sink sink_;  // empty: stderr
};

}  // namespace natrix::ops
