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
                  ? value.substr(0, 0)
                  : value.substr(first, value.find_last_not_of(" \t") - first + 1);
      if (!f(line.substr(0, colon), value, line)) return;
    }
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 2);
  }
}

// What is no number counts as the largest, which nothing equals.
uint64_t parse_sequence(std::string_view text) {
  return parse_number(text).value_or(UINT64_MAX);
}

Rollup parse_rollup(std::string_view text) {
  if (text == "sub") return Rollup::kSubject;
  if (text == "all") return Rollup::kAll;
  return Rollup::kInvalid;
}

struct TextHeader {
  std::string_view name;
  std::string_view PublishHeaders::*field;
};
constexpr TextHeader kTexts[] = {
    {"Msg-Id", &PublishHeaders::msg_id},
    {"Expected-Stream", &PublishHeaders::expected_stream},
    {"Expected-Last-Subject-Sequence-Subject", &PublishHeaders::expected_last_subject},
    {"Expected-Last-Msg-Id", &PublishHeaders::expected_last_msg_id},
    {"TTL", &PublishHeaders::ttl},
    {"Incr", &PublishHeaders::increment},
    {"Batch-Id", &PublishHeaders::batch_id},
    {"Batch-Sequence", &PublishHeaders::batch_seq},
    {"Batch-Commit", &PublishHeaders::batch_commit},
    {"Schedule", &PublishHeaders::schedule},
    {"Schedule-Target", &PublishHeaders::schedule_target},
    {"Schedule-Source", &PublishHeaders::schedule_source},
    {"Schedule-TTL", &PublishHeaders::schedule_ttl},
    {"Schedule-Rollup", &PublishHeaders::schedule_rollup},
    {"Schedule-Time-Zone", &PublishHeaders::schedule_zone},
    {"Scheduler", &PublishHeaders::scheduler},
    {"Schedule-Next", &PublishHeaders::schedule_next},
    {"Stream-Source", &PublishHeaders::source},
    {"Required-Api-Level", &PublishHeaders::required_level},
};

// The first line of a name counts.
void take(PublishHeaders& headers, std::string_view name, std::string_view value) {
  for (const TextHeader& text : kTexts) {
    if (text.name != name) continue;
    if (!is_present(headers.*text.field)) headers.*text.field = value;
    return;
  }
  if (name == "Expected-Last-Sequence") {
    if (!headers.expected_last_seq) headers.expected_last_seq = parse_sequence(value);
  } else if (name == "Expected-Last-Subject-Sequence") {
    if (!headers.expected_last_subject_seq) {
      headers.expected_last_subject_seq = parse_sequence(value);
    }
  } else if (name == "Rollup" && headers.rollup == Rollup::kNone && !value.empty()) {
    headers.rollup = parse_rollup(value);
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

namespace {

template <class Drop>
std::string filtered(std::string_view block, Drop&& drop) {
  std::string rest(kFirstLine);
  for_each_line(block, [&](std::string_view name, std::string_view, std::string_view line) {
    if (!drop(name)) rest.append(line).append("\r\n");
    return true;
  });
  if (rest.size() == kFirstLine.size()) return {};
  return rest + "\r\n";
}

}  // namespace

std::string without_header(std::string_view block, std::string_view name) {
  return filtered(block, [name](std::string_view line_name) { return line_name == name; });
}

std::string without_headers(std::string_view block, DropsHeader drop) {
  return filtered(block, drop);
}

std::string with_header(std::string_view block, std::string_view name, std::string_view value) {
  std::string result = without_header(block, name);
  add_header(result, name, value);
  return result;
}

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
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
