#include "broker/base/printable.h"

#include <fmt/format.h>

namespace natrix {

std::string printable(std::string_view bytes, size_t limit) {
  bool cut = limit != 0 && bytes.size() > limit;
  std::string text = "\"";
  for (char c : cut ? bytes.substr(0, limit) : bytes) {
    switch (c) {
      case '\r':
        text += "\\r";
        break;
      case '\n':
        text += "\\n";
        break;
      case '\t':
        text += "\\t";
        break;
      case '"':
        text += "\\\"";
        break;
      case '\\':
        text += "\\\\";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
          text += c;
        }
    }
  }
  return text + (cut ? "\"..." : "\"");
}

}  // namespace natrix
