#include "broker/base/duration.h"

#include <fmt/format.h>

#include <cstdint>

namespace natrix {
namespace {

constexpr uint64_t kMaxNanos = uint64_t{1} << 63;  // magnitude of the most negative value

struct Unit {
  std::string_view name;
  uint64_t nanos;
};

// The micro sign exists twice in Unicode (U+00B5, U+03BC); both are in use.
constexpr Unit kUnits[] = {
    {"ns", 1},         {"us", 1'000},        {"\xC2\xB5s", 1'000},  {"\xCE\xBCs", 1'000},
    {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// One "<number><unit>" group taken off the front of the text; false if it is malformed or too big.
class GroupReader {
 public:
  explicit GroupReader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool done() const { return rest_.empty(); }

  bool next(uint64_t& nanos) {
    size_t digits = 0;
    uint64_t whole = 0;
    for (; !rest_.empty() && is_digit(rest_.front()); ++digits) {
      if (__builtin_mul_overflow(whole, 10, &whole) ||
          __builtin_add_overflow(whole, rest_.front() - '0', &whole))
        return false;
      rest_.remove_prefix(1);
    }
    double fraction = read_fraction(digits);
    if (digits == 0) return false;
    const Unit* unit = read_unit();
    if (unit == nullptr || __builtin_mul_overflow(whole, unit->nanos, &nanos)) return false;
    return !__builtin_add_overflow(
        nanos, static_cast<uint64_t>(fraction * static_cast<double>(unit->nanos)), &nanos);
  }

 private:
  double read_fraction(size_t& digits) {
    if (rest_.empty() || rest_.front() != '.') return 0;
    rest_.remove_prefix(1);
    // 18 digits are finer than a nanosecond of an hour; what follows cannot change the value.
    uint64_t value = 0;
    double scale = 1;
    for (size_t taken = 0; !rest_.empty() && is_digit(rest_.front()); ++digits, ++taken) {
      if (taken < 18) {
        value = value * 10 + static_cast<uint64_t>(rest_.front() - '0');
        scale *= 10;
      }
      rest_.remove_prefix(1);
    }
    return static_cast<double>(value) / scale;
  }

  const Unit* read_unit() {
    size_t length = 0;
    while (length < rest_.size() && rest_[length] != '.' && !is_digit(rest_[length])) ++length;
    std::string_view name = rest_.substr(0, length);
    rest_.remove_prefix(length);
    for (const Unit& unit : kUnits) {
      if (unit.name == name) return &unit;
    }
    return nullptr;
  }

  std::string_view rest_;
};

// "1.500000000" without the zeros that say nothing.
std::string trimmed(uint64_t value, uint64_t unit, int digits) {
  std::string text = fmt::format("{}", value / unit);
  std::string fraction = fmt::format("{:0{}}", value % unit, digits);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return fraction.empty() ? text : text + "." + fraction;
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
    negative = rest.front() == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return std::chrono::nanoseconds(0);
  auto invalid = [&] {
    return fail(
        fmt::format("invalid duration \"{}\", want a number with a unit, such as \"30s\", "
                    "\"100ms\" or \"1h30m\"",
                    text));
  };
  if (rest.empty()) return invalid();

  uint64_t total = 0;
  for (GroupReader groups(rest); !groups.done();) {
    uint64_t nanos = 0;
    if (!groups.next(nanos) || __builtin_add_overflow(total, nanos, &total) || total > kMaxNanos)
      return invalid();
  }
  if (!negative && total == kMaxNanos) return invalid();
  return std::chrono::nanoseconds(static_cast<int64_t>(negative ? 0 - total : total));
}

std::string format_duration(std::chrono::nanoseconds duration) {
  int64_t signed_nanos = duration.count();
  if (signed_nanos == 0) return "0s";
  std::string sign = signed_nanos < 0 ? "-" : "";
  uint64_t nanos = signed_nanos < 0 ? 0 - static_cast<uint64_t>(signed_nanos)
                                    : static_cast<uint64_t>(signed_nanos);
  if (nanos < 1'000) return fmt::format("{}{}ns", sign, nanos);
  if (nanos < 1'000'000) return sign + trimmed(nanos, 1'000, 3) + "\xC2\xB5s";
  if (nanos < 1'000'000'000) return sign + trimmed(nanos, 1'000'000, 6) + "ms";
  constexpr uint64_t kMinute = 60'000'000'000;
  uint64_t minutes = nanos / kMinute;
  std::string seconds = trimmed(nanos % kMinute, 1'000'000'000, 9) + "s";
  if (minutes == 0) return sign + seconds;
  if (minutes < 60) return fmt::format("{}{}m{}", sign, minutes, seconds);
  return fmt::format("{}{}h{}m{}", sign, minutes / 60, minutes % 60, seconds);
}

std::string format_uptime(std::chrono::nanoseconds duration) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  auto minutes = seconds / 60, hours = minutes / 60, days = hours / 24, years = days / 365;
  std::string text;
  if (years > 0) text += fmt::format("{}y", years);
  if (days > 0) text += fmt::format("{}d", days % 365);
  if (hours > 0) text += fmt::format("{}h", hours % 24);
  if (minutes > 0) text += fmt::format("{}m", minutes % 60);
  return text + fmt::format("{}s", seconds % 60);
}

}  // namespace natrix
