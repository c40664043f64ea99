#include "broker/config/section.h"

#include <fmt/format.h>

#include <limits>

#include "broker/base/duration.h"

namespace natrix::config {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_folded(std::string_view key, std::string_view lower_case) {
  if (key.size() != lower_case.size()) return false;
  for (size_t i = 0; i < key.size(); ++i) {
    if (lower(key[i]) != lower_case[i]) return false;
  }
  return true;
}

}  // namespace

void Report::error(const Value& at, std::string_view text) {
  errors.push_back(fmt::format("{}: {}", at.position.text(), text));
}

void Report::warning(const Value& at, std::string_view text) {
  warnings.push_back(fmt::format("{}: {}", at.position.text(), text));
}

void Field::wrong_type(std::string_view wanted) const {
  error(fmt::format("\"{}\" must be {}, not {}", key_, wanted, value_.type_name()));
}

bool Field::read(std::string& target) const {
  if (!value_.is(Value::Type::kString)) {
    wrong_type("a string; put it in quotes");
    return false;
  }
  target = value_.text;
  return true;
}

bool Field::read(bool& target) const {
  if (!value_.is(Value::Type::kBool)) {
    wrong_type("true or false");
    return false;
  }
  target = value_.boolean;
  return true;
}

bool Field::read(int64_t& target, Range range) const {
  if (!value_.is(Value::Type::kInteger)) {
    wrong_type("an integer");
    return false;
  }
  if (value_.integer < range.low || value_.integer > range.high) {
    error(fmt::format("\"{}\" value {} is out of range, want {} to {}", key_, value_.integer,
                      range.low, range.high));
    return false;
  }
  target = value_.integer;
  return true;
}

bool Field::read(int32_t& target, Range range) const {
  int64_t wide = 0;
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  if (!read(wide, {range.low, range.high < kMost ? range.high : kMost})) return false;
  target = static_cast<int32_t>(wide);
  return true;
}

bool Field::read_text_duration(std::chrono::nanoseconds& target) const {
  if (!value_.is(Value::Type::kString)) {
    wrong_type("a duration such as \"30s\", \"2m\" or \"1h\" in quotes");
    return false;
  }
  Result<std::chrono::nanoseconds> duration = parse_duration(value_.text);
  if (!duration) {
    error(fmt::format("error parsing {}: {}", key_, duration.error().message));
    return false;
  }
  target = *duration;
  return true;
}

bool Field::read(std::chrono::nanoseconds& target, std::chrono::nanoseconds low) const {
  std::chrono::nanoseconds duration{0};
  if (value_.is(Value::Type::kInteger)) {
    int64_t seconds = 0;
    if (!read(seconds, {0, 10LL * 365 * 24 * 3600})) return false;
    warning(
        fmt::format("invalid use of field \"{}\": {} should be converted to a duration, "
                    "\"{}s\" (2m without quotes is two million)",
                    key_, key_, seconds));
    duration = std::chrono::seconds(seconds);
  } else if (!read_text_duration(duration)) {
    return false;
  }
  if (duration.count() == 0) return true;
  if (duration < low) {
    error(fmt::format("invalid {} of {}, minimum is {}", key_, format_duration(duration),
                      format_duration(low)));
    return false;
  }
  target = duration;
  return true;
}

bool Field::read(std::vector<std::string>& target) const {
  if (value_.is(Value::Type::kString)) {
    target.push_back(value_.text);
    return true;
  }
  if (!value_.is(Value::Type::kArray)) {
    wrong_type("a string or an array of strings");
    return false;
  }
  bool all = true;
  for (const Value& item : value_.items) {
    std::string text;
    if (Field(report_, key_, item).read(text))
      target.push_back(std::move(text));
    else
      all = false;
  }
  return all;
}

const Value* Field::map() const {
  if (value_.is(Value::Type::kMap)) return &value_;
  wrong_type("a map, { … }");
  return nullptr;
}

bool is_spelling_of(std::string_view key, std::string_view spellings) {
  for (;;) {
    size_t slash = spellings.find('/');
    if (equal_folded(key, spellings.substr(0, slash))) return true;
    if (slash == std::string_view::npos) return false;
    spellings.remove_prefix(slash + 1);
  }
}

bool says_off(const Value& value) {
  switch (value.type) {
    case Value::Type::kBool:
      return !value.boolean;
    case Value::Type::kInteger:
      return value.integer == 0;
    case Value::Type::kString:
      return equal_folded(value.text, "off") || equal_folded(value.text, "disabled") ||
             equal_folded(value.text, "disable");
    case Value::Type::kMap:
      break;
    default:
      return false;
  }
  for (size_t i = 0; i < value.items.size(); ++i) {
    if (is_spelling_of(value.keys[i], "enabled/enable") && says_off(value.items[i])) return true;
  }
  return false;
}

void refuse(const Field& field, const Absent& absent) {
  if (absent.off_accepted && says_off(field.value())) return;
  bool block = field.value().is(Value::Type::kMap) || field.value().is(Value::Type::kArray);
  const char* off = field.value().is(Value::Type::kInteger) ? "0" : "false";
  field.error(fmt::format("\"{}\" is not supported by this version of natrix-broker; {}{}",
                          field.key(), block ? "remove the block" : "remove the line",
                          absent.off_accepted ? fmt::format(" or set it to {}", off) : ""));
}

}  // namespace natrix::config
