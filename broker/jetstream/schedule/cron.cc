#include "broker/jetstream/schedule/cron.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <span>

#include "broker/base/printable.h"

namespace natrix::jetstream::schedule {

namespace {

constexpr uint64_t kStar = uint64_t{1} << 63;
constexpr int kMaxYears = 5;
constexpr size_t kQuoted = 64;

using Names = std::span<const std::string_view>;

constexpr std::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                        "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view kWeekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Bounds {
  uint64_t min = 0;
  uint64_t max = 0;
  Names names;  // of min, min + 1 ...
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// A number as Go's strconv.Atoi reads it, without the negative ones.
std::optional<uint64_t> read_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9' || value > INT64_MAX / 10 - 1) return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

std::optional<uint64_t> read_value(std::string_view text, const Bounds& bounds) {
  std::string name = lower(text);
  for (size_t i = 0; i < bounds.names.size(); ++i) {
    if (bounds.names[i] == name) return bounds.min + i;
  }
  return read_number(text);
}

// Splits at every `separator`; more than three parts are one too many anywhere here.
struct Parts {
  std::array<std::string_view, 3> part;
  size_t count = 0;
};
Parts split(std::string_view text, char separator) {
  Parts parts;
  while (parts.count < parts.part.size()) {
    size_t end = text.find(separator);
    parts.part[parts.count++] = text.substr(0, end);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

// number | name | * | ? [- number | name] [/ step]
Result<uint64_t> read_range(std::string_view text, const Bounds& bounds) {
  auto refuse = [&](std::string_view why) {
    return fail(fmt::format("{} in {}", why, printable(text, kQuoted)));
  };
  Parts stepped = split(text, '/');
  Parts range = split(stepped.part[0], '-');
  bool star = range.part[0] == "*" || range.part[0] == "?";
  std::optional<uint64_t> first = bounds.min;
  std::optional<uint64_t> last = bounds.max;
  if (!star) {
    if (range.count > 2) return refuse("too many hyphens");
    first = read_value(range.part[0], bounds);
    last = range.count == 2 ? read_value(range.part[1], bounds) : first;
  }
  if (!first || !last) return refuse("not a number or name");
  std::optional<uint64_t> step = 1;
  if (stepped.count > 2) return refuse("too many slashes");
  if (stepped.count == 2) {
    step = read_number(stepped.part[1]);
    if (!step || *step == 0) return refuse("a step that is no positive number");
    if (range.count == 1) last = bounds.max;  // "5/10": from 5 to the end
    if (*step > 1) star = false;
  }
  if (*first < bounds.min || *last > bounds.max) return refuse("out of range");
  if (*first > *last) return refuse("a range that goes backwards");
  uint64_t bits = star ? kStar : 0;
  for (uint64_t value = *first; value <= *last; value += *step) bits |= uint64_t{1} << value;
  return bits;
}

// Ranges with commas between them; empty ones count for nothing.
Result<void> read_field(std::string_view field, const Bounds& bounds, uint64_t& bits) {
  while (!field.empty()) {
    size_t comma = field.find(',');
    std::string_view range = field.substr(0, comma);
    if (!range.empty()) {
      auto found = read_range(range, bounds);
      if (!found) return fail(found.error().message);
      bits |= *found;
    }
    field.remove_prefix(comma == std::string_view::npos ? field.size() : comma + 1);
  }
  return {};
}

bool has(uint64_t bits, int value) {
  return (bits >> value & 1) != 0;
}

int64_t floor_to(int64_t value, int64_t unit) {
  int64_t rest = value % unit;
  return value - (rest < 0 ? rest + unit : rest);
}

}  // namespace

Result<Cron> Cron::parse(std::string_view pattern) {
  Cron cron;
  const std::pair<uint64_t*, Bounds> fields[] = {
      {&cron.seconds_, {0, 59, {}}},     {&cron.minutes_, {0, 59, {}}},
      {&cron.hours_, {0, 23, {}}},       {&cron.days_, {1, 31, {}}},
      {&cron.months_, {1, 12, kMonths}}, {&cron.weekdays_, {0, 6, kWeekdays}},
  };
  std::array<std::string_view, std::size(fields)> texts;
  size_t count = 0;
  for (size_t at = 0; at < pattern.size();) {
    if (is_space(pattern[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < pattern.size() && !is_space(pattern[end])) ++end;
    if (count < texts.size()) texts[count] = pattern.substr(at, end - at);
    ++count;
    at = end;
  }
  if (count != texts.size()) return fail(fmt::format("a cron pattern has 6 fields, not {}", count));
  for (size_t i = 0; i < texts.size(); ++i) {
    auto read = read_field(texts[i], fields[i].second, *fields[i].first);
    if (!read) return fail(read.error().message);
  }
  return cron;
}

// A candidate that moves forward, field by field, the largest first. When a field moves, the
// smaller ones begin anew; when it wraps around, so does the whole comparison.
struct Cron::Search {
  const Cron& cron;
  const TimeZone& zone;
  int64_t at;  // Unix seconds
  Civil local;
  bool reset = false;  // smaller fields are at their beginning

  void move(int64_t to) {
    at = to;
    local = zone.to_local(at);
  }
  void move(const Civil& to) { move(zone.local_to_unix(to)); }

  [[nodiscard]] bool day_matches() const {
    std::chrono::year_month_day date(std::chrono::year(local.year),
                                     std::chrono::month(static_cast<unsigned>(local.month)),
                                     std::chrono::day(static_cast<unsigned>(local.day)));
    auto weekday = std::chrono::weekday(std::chrono::sys_days(date)).c_encoding();
    bool day = has(cron.days_, local.day);
    bool week = has(cron.weekdays_, static_cast<int>(weekday));
    return ((cron.days_ | cron.weekdays_) & kStar) != 0 ? day && week : day || week;
  }

  // False: wrapped around, compare from the beginning.
  bool months() {
    while (!has(cron.months_, local.month)) {
      if (!reset) move(Civil{local.year, local.month, 1, 0, 0, 0});
      reset = true;
      Civil next = local;
      ++next.month;
      move(next);
      if (local.month == 1) return false;
    }
    return true;
  }
  bool days() {
    while (!day_matches()) {
      if (!reset) move(Civil{local.year, local.month, local.day, 0, 0, 0});
      reset = true;
      Civil next = local;
      ++next.day;
      move(next);
      if (local.day == 1) return false;
    }
    return true;
  }
  bool hours() {
    while (!has(cron.hours_, local.hour)) {
      if (!reset) move(Civil{local.year, local.month, local.day, local.hour, 0, 0});
      reset = true;
      move(at + 3600);
      if (local.hour == 0) return false;
    }
    return true;
  }
  bool minutes() {
    while (!has(cron.minutes_, local.minute)) {
      if (!reset) move(floor_to(at, 60));
      reset = true;
      move(at + 60);
      if (local.minute == 0) return false;
    }
    return true;
  }
  bool seconds() {
    while (!has(cron.seconds_, local.second)) {
      reset = true;
      move(at + 1);
      if (local.second == 0) return false;
    }
    return true;
  }
};

std::optional<int64_t> Cron::next(int64_t unix_seconds, const TimeZone& zone) const {
  // An empty field ("," is one) never matches; no need to look through five years for it.
  if (seconds_ == 0 || minutes_ == 0 || hours_ == 0 || months_ == 0) return std::nullopt;
  Search search{*this, zone, unix_seconds, {}};
  search.move(unix_seconds + 1);
  int last_year = search.local.year + kMaxYears;
  while (search.local.year <= last_year) {
    if (search.months() && search.days() && search.hours() && search.minutes() &&
        search.seconds()) {
      return search.at;
    }
  }
  return std::nullopt;
}

}  // namespace natrix::jetstream::schedule
