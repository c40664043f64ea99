// Numbers of the framing formats (framing_format.txt of Snappy; S2 adds its own identifier and the
// index, a chunk that may be skipped).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace natrix::s2 {

inline constexpr uint8_t kChunkCompressed = 0x00;
inline constexpr uint8_t kChunkUncompressed = 0x01;
inline constexpr uint8_t kChunkSkippable = 0x80;  // this and above: may be passed over
inline constexpr uint8_t kChunkPadding = 0xfe;
inline constexpr uint8_t kChunkIdentifier = 0xff;

inline constexpr size_t kChunkHeaderBytes = 4;  // type, length in 24 bits
inline constexpr size_t kChecksumBytes = 4;     // masked CRC-32C of what is decoded
inline constexpr size_t kSnappyMaxBlockBytes = size_t{64} << 10;

inline constexpr std::string_view kIdentifierS2 = "S2sTwO";
inline constexpr std::string_view kIdentifierSnappy = "sNaPpY";

}  // namespace natrix::s2
