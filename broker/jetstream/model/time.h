// Times of the JetStream API: RFC 3339 with nanoseconds; the zero time of Go
// ("0001-01-01T00:00:00Z") stands for "never". Pure.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace natrix::jetstream::model {

// Nanoseconds since 1970, UTC.
struct Time {
  static constexpr int64_t kZero = std::numeric_limits<int64_t>::min();
  int64_t nanos = kZero;

  [[nodiscard]] bool is_zero() const { return nanos == kZero; }
  auto operator<=>(const Time&) const = default;
};

std::string format_time(Time time);
// Any offset from UTC and any number of digits behind the second; nothing if malformed or outside
// of what nanoseconds in 64 bits can say.
std::optional<Time> parse_time(std::string_view text);

}  // namespace natrix::jetstream::model
