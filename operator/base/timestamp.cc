#include "operator/base/timestamp.h"

#include <fmt/format.h>

#include <charconv>

namespace natrix::ops {
namespace {

struct Fields {
  int year, month, day, hour, minute, second;
  int64_t nanos;
};

Fields split(WallTime time) {
  using namespace std::chrono;
  auto days = floor<std::chrono::days>(time);
  year_month_day date(days);
  hh_mm_ss clock(floor<nanoseconds>(time - days));
  return {static_cast<int>(date.year()),
          static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(clock.hours().count()),
          static_cast<int>(clock.minutes().count()),
          static_cast<int>(clock.seconds().count()),
          clock.subseconds().count()};
}

// Takes `digits` decimal digits off the front of `text`.
std::optional<int> take_number(std::string_view& text, size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits || value < 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<int64_t> take_fraction(std::string_view& text) {
  if (!take_char(text, '.')) return 0;
  int64_t nanos = 0;
  int64_t scale = 100'000'000;
  bool any = false;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    nanos += (text.front() - '0') * scale;
    scale /= 10;
    any = true;
    text.remove_prefix(1);
  }
  if (!any) return std::nullopt;
  return nanos;
}

std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
  if (take_char(text, 'Z')) return std::chrono::minutes(0);
  int sign = 0;
  if (take_char(text, '+')) sign = 1;
  if (sign == 0 && take_char(text, '-')) sign = -1;
  if (sign == 0) return std::nullopt;
  auto hours = take_number(text, 2);
  if (!hours || !take_char(text, ':')) return std::nullopt;
  auto minutes = take_number(text, 2);
  if (!minutes) return std::nullopt;
  return std::chrono::minutes(sign * (*hours * 60 + *minutes));
}

}  // namespace

std::string format_time(WallTime time) {
  Fields f = split(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", f.year, f.month, f.day, f.hour,
                     f.minute, f.second);
}

std::string format_micro_time(WallTime time) {
  Fields f = split(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", f.year, f.month, f.day, f.hour,
                     f.minute, f.second, f.nanos / 1000);
}

std::optional<WallTime> parse_time(std::string_view text) {
  using namespace std::chrono;
  auto year_number = take_number(text, 4);
  if (!year_number || !take_char(text, '-')) return std::nullopt;
  auto month_number = take_number(text, 2);
  if (!month_number || !take_char(text, '-')) return std::nullopt;
  auto day_number = take_number(text, 2);
  if (!day_number || !take_char(text, 'T')) return std::nullopt;
  auto hour = take_number(text, 2);
  if (!hour || !take_char(text, ':')) return std::nullopt;
  auto minute = take_number(text, 2);
  if (!minute || !take_char(text, ':')) return std::nullopt;
  auto second = take_number(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  year_month_day date(year(*year_number), month(static_cast<unsigned>(*month_number)),
                      day(static_cast<unsigned>(*day_number)));
  if (!date.ok()) return std::nullopt;
  auto instant = sys_days(date) + hours(*hour) + minutes(*minute) + seconds(*second) +
                 nanoseconds(*fraction) - *offset;
  return time_point_cast<WallTime::duration>(instant);
}

}  // namespace natrix::ops
