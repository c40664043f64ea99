// Texts for people.
#pragma once

#include <string>

namespace natrix::model {

// At most `most` bytes, with "..." in place of the rest, never cut within a UTF-8 character.
inline std::string shortened(std::string text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most < 3 ? 0 : most - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace natrix::model
