#include "operator/model/units.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <limits>
#include <map>
#include <optional>

namespace natrix::model {

namespace {

__extension__ using Int128 = __int128;

struct Split {
  int64_t number = 0;
  std::string_view suffix;
};

std::optional<Split> split_number(std::string_view text) {
  Split out;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.number);
  if (error != std::errc() || out.number < 0 || text.empty() || text[0] == '-') return std::nullopt;
  out.suffix = text.substr(static_cast<size_t>(end - text.data()));
  return out;
}

// 0: unknown suffix.
int64_t size_factor(std::string_view suffix) {
  if (suffix.empty()) return 1;
  std::string word;
  for (const char c : suffix)
    word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const std::string letters = "kmgt";
  const size_t power = letters.find(word[0]);
  if (power == std::string::npos) return 0;
  const std::string rest = word.substr(1);
  if (!rest.empty() && rest != "b" && rest != "i" && rest != "ib") return 0;
  int64_t factor = 1;
  for (size_t i = 0; i <= power; ++i) factor *= rest.empty() ? 1000 : 1024;
  return factor;
}

constexpr Int128 kNano = 1000000000;
constexpr Int128 kLargest = std::numeric_limits<int64_t>::max() * kNano;

// Digits with an optional point, in billionths; moves `text` behind them.
std::optional<Int128> read_decimal(std::string_view& text) {
  Int128 value = 0;
  int decimals = 0;
  bool point = false;
  bool digits = false;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '.' && !point) {
      point = true;
      continue;
    }
    if (!std::isdigit(static_cast<unsigned char>(text[at]))) break;
    digits = true;
    if (point && decimals == 9) continue;  // below a billionth
    if (value > std::numeric_limits<int64_t>::max()) return std::nullopt;
    value = value * 10 + (text[at] - '0');
    if (point) ++decimals;
  }
  text.remove_prefix(at);
  for (; decimals < 9; ++decimals) value *= 10;
  if (!digits || value > kLargest) return std::nullopt;
  return value;
}

std::optional<Int128> times_power_of_ten(Int128 value, std::string_view exponent_text) {
  int exponent = 0;
  if (!exponent_text.empty() && exponent_text[0] == '+') exponent_text.remove_prefix(1);
  const char* last = exponent_text.data() + exponent_text.size();
  const auto [end, error] = std::from_chars(exponent_text.data(), last, exponent);
  if (error != std::errc() || end != last || exponent < -9 || exponent > 18) return std::nullopt;
  for (; exponent > 0; --exponent) {
    if (value > kLargest / 10) return std::nullopt;
    value *= 10;
  }
  for (; exponent < 0; ++exponent) value /= 10;
  return value;
}

std::optional<Int128> times_suffix(Int128 value, std::string_view suffix) {
  static const std::map<std::string_view, Int128> kUp = {{"", 1},
                                                         {"k", 1000},
                                                         {"M", 1000000},
                                                         {"G", 1000000000},
                                                         {"T", 1000000000000},
                                                         {"P", 1000000000000000},
                                                         {"E", 1000000000000000000},
                                                         {"Ki", Int128(1) << 10},
                                                         {"Mi", Int128(1) << 20},
                                                         {"Gi", Int128(1) << 30},
                                                         {"Ti", Int128(1) << 40},
                                                         {"Pi", Int128(1) << 50},
                                                         {"Ei", Int128(1) << 60}};
  static const std::map<std::string_view, Int128> kDown = {
      {"m", 1000}, {"u", 1000000}, {"n", 1000000000}};
  if (const auto up = kUp.find(suffix); up != kUp.end()) {
    if (value > kLargest / up->second) return std::nullopt;
    return value * up->second;
  }
  if (const auto down = kDown.find(suffix); down != kDown.end()) return value / down->second;
  if (suffix[0] == 'e' || suffix[0] == 'E') return times_power_of_ten(value, suffix.substr(1));
  return std::nullopt;
}

// The amount in billionths; nothing for a text that is no quantity or too large to compare.
std::optional<Int128> quantity_nanos(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  const auto number = read_decimal(text);
  if (!number) return std::nullopt;
  const auto value = times_suffix(*number, text);
  if (!value) return std::nullopt;
  return negative ? -*value : *value;
}

}  // namespace

Result<int64_t> parse_size(const nlohmann::json& value) {
  if (value.is_number_integer()) {
    const auto bytes = value.get<int64_t>();
    if (bytes < 0) return fail(fmt::format("a size cannot be negative: {}", bytes));
    return bytes;
  }
  if (!value.is_string()) return fail(std::string("must be ") + kSizeHint);
  const std::string& text = value.get_ref<const std::string&>();
  const auto split = split_number(text);
  const int64_t factor = split ? size_factor(split->suffix) : 0;
  if (factor == 0) return fail(fmt::format("must be {}, not \"{}\"", kSizeHint, text));
  if (split->number > std::numeric_limits<int64_t>::max() / factor) {
    return fail(fmt::format("\"{}\" is larger than any server can hold", text));
  }
  return split->number * factor;
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  static const std::map<std::string_view, int64_t> kUnits = {
      {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}};
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  int64_t total = 0;
  std::string_view rest = text;
  while (!rest.empty() || text.empty()) {
    const auto split = split_number(rest);
    if (!split) return fail(fmt::format("must be {}, not \"{}\"", kDurationHint, text));
    size_t length = 0;
    while (length < split->suffix.size() &&
           std::isalpha(static_cast<unsigned char>(split->suffix[length]))) {
      ++length;
    }
    const auto unit = kUnits.find(split->suffix.substr(0, length));
    if (unit == kUnits.end())
      return fail(fmt::format("must be {}, not \"{}\"", kDurationHint, text));
    if (split->number > (kMax - total) / unit->second) {
      return fail(fmt::format("\"{}\" is longer than 292 years", text));
    }
    total += split->number * unit->second;
    rest = split->suffix.substr(length);
  }
  return std::chrono::nanoseconds(total);
}

bool same_quantity(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const auto left = quantity_nanos(a);
  const auto right = quantity_nanos(b);
  return left && right && *left == *right;
}

int64_t quantity_units(std::string_view text) {
  const auto nanos = quantity_nanos(text);
  if (!nanos || *nanos < 0) return 0;
  return static_cast<int64_t>(*nanos / 1000000000);
}

}  // namespace natrix::model
