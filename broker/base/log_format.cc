#include "broker/base/log_format.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <iterator>

namespace natrix {
namespace {

struct Label {
  std::string_view plain;
  std::string_view coloured;
};

Label label(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return {"[INF] ", "[\x1b[32mINF\x1b[0m] "};
    case LogLevel::kDebug:
      return {"[DBG] ", "[\x1b[36mDBG\x1b[0m] "};
    case LogLevel::kWarn:
      return {"[WRN] ", "[\x1b[0;93mWRN\x1b[0m] "};
    case LogLevel::kError:
      return {"[ERR] ", "[\x1b[31mERR\x1b[0m] "};
    case LogLevel::kFatal:
      return {"[FTL] ", "[\x1b[31mFTL\x1b[0m] "};
    case LogLevel::kTrace:
      return {"[TRC] ", "[\x1b[33mTRC\x1b[0m] "};
  }
  return {"[INF] ", "[INF] "};
}

bool is_control(char c) {
  auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7F;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  for (char c : text) {
    if (!is_control(c)) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
}

LogLineFormat::LogLineFormat(const LogOptions& options, bool colour)
    : time_(options.time), utc_(options.time_utc), colour_(colour) {
  if (options.pid) pid_prefix_ = fmt::format("[{}] ", getpid());
}

void LogLineFormat::append_time() {
  using namespace std::chrono;
  auto now = system_clock::now().time_since_epoch();
  auto second = static_cast<time_t>(floor<seconds>(now).count());
  auto micros = duration_cast<microseconds>(now).count() % 1'000'000;
  if (second != cached_second_) {
    std::tm parts{};
    if (utc_)
      gmtime_r(&second, &parts);
    else
      localtime_r(&second, &parts);
    cached_text_ =
        fmt::format("{:04}/{:02}/{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                    parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
    cached_second_ = second;
  }
  fmt::format_to(std::back_inserter(buffer_), "{}.{:06} ", cached_text_, micros);
}

std::string_view LogLineFormat::line(LogLevel level, std::string_view text) {
  buffer_ = pid_prefix_;
  if (time_) append_time();
  buffer_ += colour_ ? label(level).coloured : label(level).plain;
  append_escaped(buffer_, text);
  return buffer_;
}

}  // namespace natrix
