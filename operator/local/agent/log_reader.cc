#include "operator/local/agent/log_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/base/timestamp.h"

namespace natrix::agent {

namespace {

using http_front::LogReader;
using http_front::LogRequest;
using std::chrono::system_clock;

// The time before which lines are left out, as text that compares like the lines' own times.
std::string since_text(const LogRequest& request, system_clock::time_point now) {
  if (request.since_seconds) {
    return ops::format_micro_time(now - std::chrono::seconds(*request.since_seconds));
  }
  const auto time = ops::parse_time(request.since_time);
  return time ? ops::format_micro_time(*time) : "";
}

// Where the last `count` lines begin.
size_t tail_start(std::string_view lines, int64_t count) {
  size_t at = lines.size();
  for (; count > 0 && at > 0; --count) {
    const size_t newline = at < 2 ? std::string_view::npos : lines.rfind('\n', at - 2);
    at = newline == std::string_view::npos ? 0 : newline + 1;
  }
  return at;
}

// The length of "2024-01-01T00:00:00.000000", where both kinds of times agree.
constexpr size_t kComparable = 26;

class FileReader : public LogReader {
 public:
  FileReader(std::shared_ptr<LogFile> log, LogRequest request, system_clock::time_point now)
      : log_(std::move(log)), request_(std::move(request)), now_(now) {}

  std::optional<std::string> next(std::chrono::milliseconds wait) override {
    if (over_) return std::nullopt;
    std::string out;
    if (!started_) {
      started_ = true;
      over_ = !request_.follow;
      out = select_lines(log_->read_all(position_), request_, now_);
      request_.tail_lines.reset();
    } else {
      const bool closed = log_->closed();  // before reading: nothing comes after it
      out = select_lines(log_->read_more(position_, wait), request_, now_);
      over_ = closed && out.empty();
      if (over_) return std::nullopt;
    }
    if (!request_.limit_bytes) return out;
    const auto left = static_cast<size_t>(std::max<int64_t>(0, *request_.limit_bytes));
    if (out.size() >= left) {
      out.resize(left);
      over_ = true;
    }
    *request_.limit_bytes -= static_cast<int64_t>(out.size());
    return out;
  }

 private:
  const std::shared_ptr<LogFile> log_;
  LogRequest request_;
  const system_clock::time_point now_;
  uint64_t position_ = 0;
  bool started_ = false;
  bool over_ = false;
};

}  // namespace

std::string select_lines(std::string_view lines, const LogRequest& request,
                         system_clock::time_point now) {
  if (request.tail_lines) lines.remove_prefix(tail_start(lines, *request.tail_lines));
  const std::string since = since_text(request, now).substr(0, kComparable);
  std::string out;
  while (!lines.empty()) {
    const size_t size = std::min(lines.find('\n'), lines.size() - 1) + 1;
    std::string_view line = lines.substr(0, size);
    lines.remove_prefix(size);
    if (line.substr(0, kComparable) < since) continue;
    if (!request.timestamps) line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
    out += line;
  }
  return out;
}

memory_api::Outcome<std::unique_ptr<LogReader>> make_log_reader(std::shared_ptr<LogFile> log,
                                                                LogRequest request,
                                                                system_clock::time_point now) {
  if (!request.since_time.empty() && !ops::parse_time(request.since_time)) {
    return fail_with(memory_api::bad_request(
        fmt::format("sinceTime \"{}\" is not an RFC 3339 time", request.since_time)));
  }
  return std::unique_ptr<LogReader>(
      std::make_unique<FileReader>(std::move(log), std::move(request), now));
}

}  // namespace natrix::agent
