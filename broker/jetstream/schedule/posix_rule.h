// PosixRule: the rule for all years after a time zone's table, the text at the end of its file
// ("CET-1CEST,M3.5.0,M10.5.0/3"; RFC 8536 section 3.3.1, POSIX TZ). A value, immutable; safe from
// any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace natrix::jetstream::schedule {

// An offset east of UTC in seconds and from when until when (not included) it holds, in Unix
// seconds. Between changes of the clock the ends may be those of the year instead.
struct OffsetSpan {
  int32_t offset = 0;
  int64_t start = INT64_MIN;
  int64_t end = INT64_MAX;
  bool operator==(const OffsetSpan&) const = default;
};

class PosixRule {
 public:
  // Nothing: not such a text.
  static std::optional<PosixRule> parse(std::string_view text);

  // `since`: where the rule begins to hold.
  [[nodiscard]] OffsetSpan at(int64_t unix_seconds, int64_t since) const;

 private:
  enum class Kind : uint8_t { kMonthWeekDay, kDayWithoutLeap, kDayOfYear };
  // When in a year the clock changes, in local time before the change.
  struct Change {
    Kind kind = Kind::kMonthWeekDay;
    int day = 0;  // 0 = Sunday for kMonthWeekDay; 1... for kDayWithoutLeap, 0... for kDayOfYear
    int week = 0;
    int month = 0;
    int seconds = 0;  // of the day, may be negative or beyond it
  };
  struct Reader;

  // Seconds after the beginning of the year in UTC.
  static int64_t seconds_into_year(const Change& change, int year, int32_t offset);

  int32_t standard_ = 0;
  int32_t summer_ = 0;
  bool has_summer_ = false;
  Change to_summer_;
  Change to_standard_;
};

}  // namespace natrix::jetstream::schedule
