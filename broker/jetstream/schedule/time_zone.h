// TimeZone: the offsets of one zone of the tz database, read from the bytes of its file (TZif, RFC
// 8536, versions 1 to 4). Immutable; safe from any thread.
//
// local_to_unix decides what a local time means that does not exist or exists twice as Go's
// time.Date does, because schedules have to fire when those of nats-server do.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "broker/jetstream/schedule/posix_rule.h"

namespace natrix::jetstream::schedule {

// A date and a time of day on some clock. Fields may be out of range when given to local_to_unix:
// month 13 is January of the next year, day 0 the last of the month before.
struct Civil {
  int year = 1970;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
  bool operator==(const Civil&) const = default;
};

class TimeZone {
 public:
  // UTC.
  TimeZone() : types_(1) {}

  // Errors: not TZif, cut short, a table that refers to what is not there.
  static Result<TimeZone> parse(std::string_view tzif);

  [[nodiscard]] OffsetSpan lookup(int64_t unix_seconds) const;
  [[nodiscard]] Civil to_local(int64_t unix_seconds) const;
  [[nodiscard]] int64_t local_to_unix(const Civil& local) const;

 private:
  struct Type {
    int32_t offset = 0;
    bool summer = false;
  };
  struct Transition {
    int64_t when = 0;
    uint8_t type = 0;
  };
  struct Reader;

  [[nodiscard]] const Type& first_type() const;

  std::vector<Type> types_;
  std::vector<Transition> transitions_;  // ascending
  std::optional<PosixRule> rule_;        // for all that comes after
};

}  // namespace natrix::jetstream::schedule
