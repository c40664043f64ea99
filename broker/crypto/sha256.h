// SHA-256. Pure function, safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace natrix {

std::array<uint8_t, 32> sha256(std::string_view bytes);

// The digest of `bytes` as 64 lower case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace natrix
