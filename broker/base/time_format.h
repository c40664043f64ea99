// Points in time as RFC 3339 text with nanoseconds in UTC, the form of every JSON time of NATS:
// "2026-08-01T12:34:56.123456789Z". Trailing zeros of the fraction are left out as Go does
// ("…56.5Z", "…56Z"). Pure functions, safe from any thread.
#pragma once

#include <chrono>
#include <string>

namespace natrix {

using SystemTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

std::string format_rfc3339(SystemTime time);

}  // namespace natrix
