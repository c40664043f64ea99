// Numbers in little endian in memory that need not be aligned. Pure functions, safe from any
// thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace natrix::s2 {

static_assert(std::endian::native == std::endian::little, "loads are not swapped");

inline uint16_t load16(const uint8_t* at) {
  uint16_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
inline uint32_t load32(const uint8_t* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
inline uint64_t load64(const uint8_t* at) {
  uint64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
inline uint32_t load24(const uint8_t* at) {
  return at[0] | static_cast<uint32_t>(at[1]) << 8 | static_cast<uint32_t>(at[2]) << 16;
}

}  // namespace natrix::s2
