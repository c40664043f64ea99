// SHA-256. Pure function, safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace natrix {

// The digest of `bytes` as 64 lower case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace natrix
