// CRC-32C (Castagnoli), the checksum of the framing formats of Snappy and S2. Pure functions, safe
// from any thread. In hardware where the processor has it (x86-64 with SSE 4.2).
#pragma once

#include <cstdint>
#include <string_view>

namespace natrix::s2 {

uint32_t crc32c(std::string_view bytes);

// As it stands in a frame: rotated and offset, so that a checksum of bytes that contain checksums
// stays strong (framing_format.txt of Snappy, section 3).
uint32_t masked_crc32c(std::string_view bytes);

// Without the help of the processor; the same result.
uint32_t crc32c_portable(std::string_view bytes);

}  // namespace natrix::s2
