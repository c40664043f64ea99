// Small texts of the pages that broker/base has no word for. Pure functions, safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "broker/monitor/source.h"

namespace natrix::monitor {

// A round-trip time: format_duration(), but whole microseconds between 1 µs and 1 ms, as
// nats-server shows it.
std::string rtt_text(Duration rtt);

// `text` between double quotes for a message: control characters, quotes and bytes above 0x7e
// escaped, cut after 64 bytes.
std::string in_quotes(std::string_view text);

// `text` made safe for HTML text and attribute values.
std::string html_escaped(std::string_view text);

}  // namespace natrix::monitor
