#include "broker/base/time_format.h"

#include <fmt/format.h>

namespace natrix {

std::string format_rfc3339(SystemTime time) {
  using namespace std::chrono;
  auto day = floor<days>(time);
  year_month_day date(day);
  auto since_midnight = time - day;
  auto seconds_of_day = duration_cast<seconds>(since_midnight);
  int64_t nanos = (since_midnight - seconds_of_day).count();
  hh_mm_ss<seconds> clock(seconds_of_day);
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (nanos != 0) {
    std::string fraction = fmt::format(".{:09}", nanos);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text + "Z";
}

}  // namespace natrix
