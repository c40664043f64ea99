// RFC 3339 times as Kubernetes writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "operator/base/clock.h"

namespace natrix::ops {

// "2026-08-01T12:34:56Z" (metav1.Time)
std::string format_time(WallTime time);
// "2026-08-01T12:34:56.123456Z" (metav1.MicroTime)
std::string format_micro_time(WallTime time);
// Either form, any number of fraction digits, Z or an offset; nothing for anything else.
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace natrix::ops
