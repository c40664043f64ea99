// Points in time as people write them in schedules: RFC 3339, with a fraction and any offset. Pure
// function, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace natrix::jetstream::schedule {

// Nanoseconds since 1970. What Go's time.Parse(time.RFC3339, …) takes: the hour may have one digit,
// the fraction may begin with a comma, digits after the ninth are cut off. Nothing: malformed, no
// such day, or not in the years 1678 to 2261, which fit into 64 bits.
std::optional<int64_t> parse_rfc3339(std::string_view text);

}  // namespace natrix::jetstream::schedule
