#include "broker/jetstream/stream/headers.h"

#include <charconv>

#include "broker/base/duration.h"

namespace natrix::jetstream::stream {

namespace {

constexpr std::string_view kFirstLine = "NATS/1.0\r\n";

// Calls f(name, value, line) for every line until it returns false.
template <class F>
void for_each_line(std::string_view block, F&& f) {
  size_t at = block.find("\r\n");
  if (at == std::string_view::npos) return;
  for (std::string_view rest = block.substr(at + 2); !rest.empty();) {
    size_t end = rest.find("\r\n");
    std::string_view line = rest.substr(0, end);
    if (line.empty()) return;
    size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      std::string_view value = line.substr(colon + 1);
      size_t first = value.find_first_not_of(" \t");
      value = first == std::string_view::npos
                  ? std::string_view{}
                  : value.substr(first, value.find_last_not_of(" \t") - first + 1);
      if (!f(line.substr(0, colon), value, line)) return;
    }
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 2);
  }
}

// What is no number counts as the largest, which nothing equals.
uint64_t parse_sequence(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : UINT64_MAX;
}

Rollup parse_rollup(std::string_view text) {
  if (text == "sub") return Rollup::kSubject;
  if (text == "all") return Rollup::kAll;
  return Rollup::kInvalid;
}

void take(PublishHeaders& headers, std::string_view name, std::string_view value) {
  auto first = [](std::string_view& field, std::string_view text) {
    if (field.empty()) field = text;
  };
  if (name == "Msg-Id") {
    first(headers.msg_id, value);
  } else if (name == "Expected-Stream") {
    first(headers.expected_stream, value);
  } else if (name == "Expected-Last-Sequence") {
    headers.expected_last_seq = parse_sequence(value);
  } else if (name == "Expected-Last-Subject-Sequence") {
    headers.expected_last_subject_seq = parse_sequence(value);
  } else if (name == "Expected-Last-Subject-Sequence-Subject") {
    first(headers.expected_last_subject, value);
  } else if (name == "Expected-Last-Msg-Id") {
    first(headers.expected_last_msg_id, value);
  } else if (name == "Rollup") {
    headers.rollup = parse_rollup(value);
  } else if (name == "TTL") {
    first(headers.ttl, value);
  } else if (name == "Incr") {
    headers.counts = true;
  } else if (name == "Batch-Id") {
    headers.batch = true;
  } else if (name == "Schedule") {
    headers.schedule = true;
  } else if (name == "Stream-Source") {
    headers.source = true;
  }
}

}  // namespace

std::optional<std::string_view> find_header(std::string_view block, std::string_view name) {
  std::optional<std::string_view> found;
  for_each_line(block, [&](std::string_view line_name, std::string_view value, std::string_view) {
    if (line_name != name) return true;
    found = value;
    return false;
  });
  return found;
}

void add_header(std::string& block, std::string_view name, std::string_view value) {
  if (block.empty()) block.append(kFirstLine).append("\r\n");
  block.resize(block.size() - 2);
  block.append(name).append(": ").append(value).append("\r\n\r\n");
}

std::string without_header(std::string_view block, std::string_view name) {
  std::string rest(kFirstLine);
  for_each_line(block, [&](std::string_view line_name, std::string_view, std::string_view line) {
    if (line_name != name) rest.append(line).append("\r\n");
    return true;
  });
  if (rest.size() == kFirstLine.size()) return {};
  return rest + "\r\n";
}

PublishHeaders parse_publish_headers(std::string_view block) {
  PublishHeaders headers;
  for_each_line(block, [&](std::string_view name, std::string_view value, std::string_view) {
    constexpr std::string_view kPrefix = "Nats-";
    if (name.starts_with(kPrefix)) take(headers, name.substr(kPrefix.size()), value);
    return true;
  });
  return headers;
}

model::ApiResult<int64_t> parse_ttl(std::string_view text) {
  constexpr int64_t kSecond = 1'000'000'000;
  constexpr int64_t kMost = int64_t{100} * 365 * 24 * 3600;
  if (text.size() == 5 && (text[0] | 0x20) == 'n' && (text[1] | 0x20) == 'e' &&
      (text[2] | 0x20) == 'v' && (text[3] | 0x20) == 'e' && (text[4] | 0x20) == 'r') {
    return kNeverExpires;
  }
  if (auto duration = parse_duration(text)) {
    if (duration->count() < kSecond && text != "0") return model::refuse(model::Err::kInvalidTtl);
    return duration->count() / kSecond;
  }
  int64_t seconds = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0 || seconds > kMost) {
    return model::refuse(model::Err::kInvalidTtl);
  }
  return seconds;
}

}  // namespace natrix::jetstream::stream
