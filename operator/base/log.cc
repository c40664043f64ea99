#include "operator/base/log.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "operator/base/timestamp.h"

namespace natrix::ops {
namespace {

std::string_view level_name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "error";
}

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (char c : value) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) return true;
  }
  return false;
}

void append_value(std::string& line, std::string_view value) {
  if (!needs_quotes(value)) {
    line += value;
    return;
  }
  line += '"';
  for (char c : value) {
    switch (c) {
      case '"':
        line += "\\\"";
        break;
      case '\\':
        line += "\\\\";
        break;
      case '\n':
        line += "\\n";
        break;
      case '\r':
        line += "\\r";
        break;
      case '\t':
        line += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
          line += c;
        }
    }
  }
  line += '"';
}

std::string logfmt_line(std::string_view time, Level level, std::string_view message,
                        Fields fields) {
  std::string line = fmt::format("time={} level={} msg=", time, level_name(level));
  append_value(line, message);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field.value);
  }
  return line;
}

std::string json_line(std::string_view time, Level level, std::string_view message, Fields fields) {
  nlohmann::ordered_json line;
  line["time"] = time;
  line["level"] = level_name(level);
  line["msg"] = message;
  for (const Field& field : fields) line[std::string(field.key)] = field.value;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

void Log::write(Level level, std::string_view message, Fields fields) {
  if (level < level_.load(std::memory_order_relaxed)) return;
  std::string time = format_micro_time(system_clock().wall());
  std::string line = format_.load(std::memory_order_relaxed) == LogFormat::kJson
                         ? json_line(time, level, message, fields)
                         : logfmt_line(time, level, message, fields);
  std::lock_guard lock(mutex_);
  if (sink_) {
    sink_(line);
    return;
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace natrix::ops
