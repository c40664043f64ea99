#include "broker/jetstream/schedule/rfc3339.h"

#include <chrono>

namespace natrix::jetstream::schedule {

namespace {

constexpr int64_t kSecond = 1'000'000'000;

struct Reader {
  std::string_view text;

  [[nodiscard]] bool at_digit() const {
    return !text.empty() && text.front() >= '0' && text.front() <= '9';
  }
  int digit() {
    int value = text.front() - '0';
    text.remove_prefix(1);
    return value;
  }
  bool take(char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
  }
  bool number(int min_digits, int max_digits, int max, int& value) {
    value = 0;
    int digits = 0;
    for (; digits < max_digits && at_digit(); ++digits) value = value * 10 + digit();
    return digits >= min_digits && value <= max;
  }

  bool fraction(int64_t& nanos) {
    nanos = 0;
    if (text.size() < 2 || (text[0] != '.' && text[0] != ',')) return true;
    text.remove_prefix(1);
    if (!at_digit()) return false;
    for (int64_t unit = kSecond / 10; at_digit(); unit /= 10) nanos += digit() * unit;
    return true;
  }

  bool offset(int& seconds) {
    seconds = 0;
    if (take('Z')) return true;
    bool east = take('+');
    if (!east && !take('-')) return false;
    int hours = 0;
    int minutes = 0;
    if (!number(2, 2, 24, hours) || !take(':') || !number(2, 2, 60, minutes)) return false;
    seconds = (hours * 60 + minutes) * (east ? 60 : -60);
    return true;
  }
};

}  // namespace

std::optional<int64_t> parse_rfc3339(std::string_view text) {
  Reader in{text};
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int64_t nanos = 0;
  int offset = 0;
  bool read = in.number(4, 4, 9999, year) && in.take('-') && in.number(2, 2, 12, month) &&
              in.take('-') && in.number(2, 2, 31, day) && in.take('T') &&
              in.number(1, 2, 23, hour) && in.take(':') && in.number(2, 2, 59, minute) &&
              in.take(':') && in.number(2, 2, 59, second) && in.fraction(nanos) &&
              in.offset(offset) && in.text.empty();
  if (!read) return std::nullopt;
  std::chrono::year_month_day date(std::chrono::year(year),
                                   std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return std::nullopt;
  int64_t seconds = std::chrono::sys_days(date).time_since_epoch().count() * int64_t{86400} +
                    hour * 3600 + minute * 60 + second - offset;
  int64_t result = 0;
  if (__builtin_mul_overflow(seconds, kSecond, &result) ||
      __builtin_add_overflow(result, nanos, &result)) {
    return std::nullopt;
  }
  return result;
}

}  // namespace natrix::jetstream::schedule
