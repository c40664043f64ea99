// Bytes from a peer as they may stand in a log line: quoted, escaped, cut.
#pragma once

#include <string>
#include <string_view>

namespace natrix {

// "\"abc\\r\\n\"", with "..." behind what was cut at `limit` bytes (0: never).
std::string printable(std::string_view bytes, size_t limit = 0);

}  // namespace natrix
