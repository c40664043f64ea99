#include "broker/jetstream/model/time.h"

#include <charconv>
#include <chrono>

#include "broker/base/time_format.h"

namespace natrix::jetstream::model {

namespace {

class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}
  // A number of exactly `digits` digits.
  bool number(size_t digits, int& value) {
    if (rest_.size() < digits) return false;
    value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return false;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return true;
  }
  bool literal(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_[0]) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool fraction(int64_t& nanos) {
    nanos = 0;
    if (!literal(".,")) return true;
    int64_t unit = 100'000'000;
    size_t digits = 0;
    for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1), ++digits) {
      nanos += unit * (rest_[0] - '0');
      unit /= 10;
    }
    return digits > 0;
  }
  bool offset(std::chrono::minutes& east) {
    east = {};
    if (literal("Zz")) return rest_.empty();
    bool west = !rest_.empty() && rest_[0] == '-';
    int hours = 0;
    int minutes = 0;
    if (!literal("+-") || !number(2, hours) || !literal(":") || !number(2, minutes)) return false;
    if (hours > 23 || minutes > 59 || !rest_.empty()) return false;
    east = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    if (west) east = -east;
    return true;
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::string format_time(Time time) {
  if (time.is_zero()) return "0001-01-01T00:00:00Z";
  return format_rfc3339(SystemTime(std::chrono::nanoseconds(time.nanos)));
}

std::optional<Time> parse_time(std::string_view text) {
  using namespace std::chrono;
  Cursor in(text);
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0;
  int64_t nanos = 0;
  minutes east{};
  bool well_formed = in.number(4, y) && in.literal("-") && in.number(2, mo) && in.literal("-") &&
                     in.number(2, d) && in.literal("Tt") && in.number(2, h) && in.literal(":") &&
                     in.number(2, mi) && in.literal(":") && in.number(2, s) && in.fraction(nanos) &&
                     in.offset(east);
  if (!well_formed || h > 23 || mi > 59 || s > 59) return std::nullopt;
  year_month_day date{year(y), month(static_cast<unsigned>(mo)), day(static_cast<unsigned>(d))};
  if (!date.ok()) return std::nullopt;
  auto since = sys_days(date).time_since_epoch() + hours(h) + minutes(mi) + seconds(s) - east;
  if (y == 1 && mo == 1 && d == 1) return Time{};
  constexpr auto kMost = duration_cast<seconds>(nanoseconds::max()) - seconds(1);
  auto whole = duration_cast<seconds>(since);
  if (whole > kMost || whole < -kMost) return std::nullopt;
  return Time{duration_cast<nanoseconds>(whole).count() + nanos};
}

}  // namespace natrix::jetstream::model
