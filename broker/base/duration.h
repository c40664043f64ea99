// Durations in the textual form of Go, which NATS uses in configuration, logs and reports.
// Pure functions, safe from any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace natrix {

// "1h30m", "-1.5s", "100ms", "2us", "3µs", "7ns", "0". Errors: empty text, a number without a unit,
// an unknown unit, a value beyond 64 bits of nanoseconds; the message quotes the text.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// The inverse, as Go prints it: "1h30m0s", "1.5s", "100ms", "2µs", "0s".
std::string format_duration(std::chrono::nanoseconds duration);

// The `uptime` of reports: whole seconds with days and years, "1d2h3m4s", "2y0d1h0m5s", "7s".
std::string format_uptime(std::chrono::nanoseconds duration);

}  // namespace natrix
