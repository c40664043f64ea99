#include "broker/jetstream/schedule/posix_rule.h"

#include <chrono>
#include <utility>

namespace natrix::jetstream::schedule {

namespace {

constexpr int64_t kDay = 86400;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

// Takes parts off the front of the text; false: it does not begin with such a part.
struct PosixRule::Reader {
  std::string_view text;

  [[nodiscard]] bool at(char c) const { return !text.empty() && text.front() == c; }
  bool take(char c) {
    if (!at(c)) return false;
    text.remove_prefix(1);
    return true;
  }

  // "CET" or "<+0330>".
  bool name() {
    if (take('<')) {
      size_t end = text.find('>');
      if (end == std::string_view::npos) return false;
      text.remove_prefix(end + 1);
      return true;
    }
    size_t letters = 0;
    while (letters < text.size() && is_letter(text[letters])) ++letters;
    text.remove_prefix(letters);
    return letters >= 3;
  }

  bool number(int min, int max, int& value) {
    if (text.empty() || !is_digit(text.front())) return false;
    value = 0;
    while (!text.empty() && is_digit(text.front())) {
      value = value * 10 + (text.front() - '0');
      if (value > max) return false;
      text.remove_prefix(1);
    }
    return value >= min;
  }

  // "-3:30", in seconds. Hours up to a week, as RFC 8536 extends it for the time of a change.
  bool time(int& seconds) {
    int sign = 1;
    if (take('-')) {
      sign = -1;
    } else {
      (void)take('+');
    }
    int hours = 0;
    int minutes = 0;
    int rest = 0;
    if (!number(0, 24 * 7, hours)) return false;
    if (take(':') && !number(0, 59, minutes)) return false;
    if (at(':') && take(':') && !number(0, 59, rest)) return false;
    seconds = sign * (hours * 3600 + minutes * 60 + rest);
    return true;
  }

  bool change(Change& out) {
    bool taken = false;
    if (take('J')) {
      out.kind = Kind::kDayWithoutLeap;
      taken = number(1, 365, out.day);
    } else if (take('M')) {
      out.kind = Kind::kMonthWeekDay;
      taken = number(1, 12, out.month) && take('.') && number(1, 5, out.week) && take('.') &&
              number(0, 6, out.day);
    } else {
      out.kind = Kind::kDayOfYear;
      taken = number(0, 365, out.day);
    }
    if (!taken) return false;
    out.seconds = 2 * 3600;
    return !take('/') || time(out.seconds);
  }
};

std::optional<PosixRule> PosixRule::parse(std::string_view text) {
  PosixRule rule;
  Reader in{text};
  int west = 0;
  if (!in.name() || !in.time(west)) return std::nullopt;
  rule.standard_ = -west;
  if (in.text.empty()) return rule;
  rule.has_summer_ = true;
  rule.summer_ = rule.standard_ + 3600;
  if (!in.name()) return std::nullopt;
  if (!in.at(',')) {
    if (!in.time(west)) return std::nullopt;
    rule.summer_ = -west;
  }
  if (!in.take(',') || !in.change(rule.to_summer_)) return std::nullopt;
  if (!in.take(',') || !in.change(rule.to_standard_)) return std::nullopt;
  if (!in.text.empty()) return std::nullopt;
  return rule;
}

int64_t PosixRule::seconds_into_year(const Change& change, int year, int32_t offset) {
  using std::chrono::sys_days;
  std::chrono::year y(year);
  auto first = sys_days(y / std::chrono::January / 1);
  int64_t day = change.day;
  if (change.kind == Kind::kDayWithoutLeap) {
    day = change.day - 1 + (y.is_leap() && change.day >= 60 ? 1 : 0);
  } else if (change.kind == Kind::kMonthWeekDay) {
    auto month = y / std::chrono::month(static_cast<unsigned>(change.month));
    std::chrono::weekday weekday(static_cast<unsigned>(change.day));
    auto date = change.week == 5  // the last one
                    ? sys_days(month / weekday[std::chrono::last])
                    : sys_days(month / weekday[static_cast<unsigned>(change.week)]);
    day = (date - first).count();
  }
  return day * kDay + change.seconds - offset;
}

OffsetSpan PosixRule::at(int64_t unix_seconds, int64_t since) const {
  if (!has_summer_) return {standard_, since, INT64_MAX};
  auto day = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds(std::chrono::seconds(unix_seconds)));
  auto year = std::chrono::year_month_day(day).year();
  int64_t begin =
      std::chrono::sys_days(year / std::chrono::January / 1).time_since_epoch().count() * kDay;
  int64_t first = begin + seconds_into_year(to_summer_, static_cast<int>(year), standard_);
  int64_t second = begin + seconds_into_year(to_standard_, static_cast<int>(year), summer_);
  int32_t outside = standard_;
  int32_t inside = summer_;
  if (second < first) {  // the south: summer is around the new year
    std::swap(first, second);
    std::swap(outside, inside);
  }
  if (unix_seconds < first) return {outside, begin, first};
  if (unix_seconds < second) return {inside, first, second};
  return {outside, second, begin + 365 * kDay};
}

}  // namespace natrix::jetstream::schedule
