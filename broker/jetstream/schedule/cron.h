// Cron: a pattern of six fields, "second minute hour day-of-month month day-of-week", each a list
// of
// `*`, `?`, a number, a name (months and days of the week), `a-b`, and these with `/step`.
//
// Days match if both day fields do, or, when neither has a `*`, if one of them does. Times are
// found the way nats-server finds them (cron.go, after robfig/cron), also where a clock changes: a
// time that does not exist is passed over or moved as there. Immutable; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/base/result.h"
#include "broker/jetstream/schedule/time_zone.h"

namespace natrix::jetstream::schedule {

class Cron {
 public:
  // Errors: not six fields, not a number or name, out of range, a range backwards, step 0.
  static Result<Cron> parse(std::string_view pattern);

  // The first time after `unix_seconds`, in Unix seconds. Nothing: none within five years, such as
  // for the 30th of February.
  [[nodiscard]] std::optional<int64_t> next(int64_t unix_seconds, const TimeZone& zone) const;

 private:
  struct Search;

  // A bit for each value; the highest bit: the field contained a star.
  uint64_t seconds_ = 0;
  uint64_t minutes_ = 0;
  uint64_t hours_ = 0;
  uint64_t days_ = 0;
  uint64_t months_ = 0;
  uint64_t weekdays_ = 0;
};

}  // namespace natrix::jetstream::schedule
