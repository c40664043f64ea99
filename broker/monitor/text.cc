#include "broker/monitor/text.h"

#include <fmt/format.h>

#include "broker/base/duration.h"

namespace natrix::monitor {

std::string rtt_text(Duration rtt) {
  using std::chrono::microseconds;
  if (rtt > microseconds(1) && rtt < std::chrono::milliseconds(1)) {
    rtt = std::chrono::duration_cast<microseconds>(rtt);
  }
  return format_duration(rtt);
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kMaxShown = 64;
  std::string shown = "\"";
  for (char c : text.substr(0, kMaxShown)) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      shown += '\\';
      shown += c;
    } else if (byte < 0x20 || byte > 0x7e) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown + (text.size() > kMaxShown ? "...\"" : "\"");
}

std::string html_escaped(std::string_view text) {
  std::string safe;
  for (char c : text) {
    switch (c) {
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '&':
        safe += "&amp;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

}  // namespace natrix::monitor
