// Schedule: the pattern in a Nats-Schedule header, and when it fires.
//
//   @at 2026-12-24T18:00:00+01:00    once
//   @every 90s                       again and again, at least a second apart
//   @yearly @annually @monthly @weekly @daily @midnight @hourly
//   0 30 9 * * mon-fri               cron with seconds, see cron.h
//
// Cron patterns and the names follow the clock of a time zone, UTC if there is none. Facts:
// nats-server scheduler.go. Immutable; safe from any thread; nanoseconds since 1970.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

#include "broker/base/result.h"
#include "broker/jetstream/schedule/cron.h"
#include "broker/jetstream/schedule/time_zone.h"

namespace natrix::jetstream::schedule {

class Schedule {
 public:
  // `zone`: of Nats-Schedule-Time-Zone, null without that header; the header does not go with @at
  // and @every. Errors: malformed, out of range, a zone where none may be; the answer to the client
  // is 10189 for all of them, the text is for logs.
  static Result<Schedule> parse(std::string_view pattern, std::shared_ptr<const TimeZone> zone);

  [[nodiscard]] bool repeats() const { return !std::holds_alternative<At>(when_); }

  // When it fires next, `after` being the last time it did or the time it was stored. For @at that
  // is always the same. Times that were missed are left out: if the result would be before `now`,
  // it is counted from `now`. Nothing: never (cron patterns only, none within five years).
  [[nodiscard]] std::optional<int64_t> next(int64_t after, int64_t now) const;

  // When it fires next after the server was away: as if it had been there all the time since
  // `stored`, the time of the schedule's message. A single time that has passed stays as it is.
  [[nodiscard]] std::optional<int64_t> resume(int64_t stored, int64_t now) const;

 private:
  struct At {
    int64_t time;
  };
  struct Every {
    int64_t interval;
  };
  struct Clock {
    Cron cron;
    std::shared_ptr<const TimeZone> zone;
  };

  std::variant<At, Every, Clock> when_;

  explicit Schedule(std::variant<At, Every, Clock> when) : when_(std::move(when)) {}
};

}  // namespace natrix::jetstream::schedule
