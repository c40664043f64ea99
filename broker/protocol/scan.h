// Finding the parts of a control line quickly: one pass over the bytes notes every separator up to
// the line feed. Callers guarantee kScanSlack readable bytes behind the data.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace natrix::protocol {

inline constexpr size_t kScanSlack = 16;

// Offsets of the bytes <= ' ' of one line, the line feed not among them.
struct LineScan {
  static constexpr uint32_t kMax = 8;
  uint32_t separators[kMax];
  uint32_t count = 0;  // stops at kMax; more are there when `overflow`
  bool overflow = false;
  uint32_t line_feed = 0;  // its offset, when found
};

// Returns false when there is no line feed in the `size` bytes at `p`.
inline bool scan_line(const char* p, size_t size, LineScan& scan) {
#if defined(__SSE2__)
  const __m128i space = _mm_set1_epi8(' ');
  for (size_t at = 0; at < size; at += 16) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + at));
    auto mask =
        static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(bytes, space), bytes)));
    if (size - at < 16) mask &= (1U << (size - at)) - 1;
    while (mask != 0) {
      auto offset = static_cast<uint32_t>(at) + static_cast<uint32_t>(std::countr_zero(mask));
      mask &= mask - 1;
#else
  for (size_t at = 0; at < size; ++at) {
    if (static_cast<unsigned char>(p[at]) <= ' ') {
      auto offset = static_cast<uint32_t>(at);
#endif
      if (p[offset] == '\n') {
        scan.line_feed = offset;
        return true;
      }
      if (scan.count < LineScan::kMax) {
        scan.separators[scan.count++] = offset;
      } else {
        scan.overflow = true;
      }
    }
  }
  return false;
}

// Decimal digits only, at most nine of them; -1 for anything else.
inline int64_t parse_size(const char* p, size_t size) {
  if (size == 0 || size > 9) return -1;
  int64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    auto digit = static_cast<unsigned>(p[i] - '0');
    if (digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
inline int64_t parse_size(std::string_view text) {
  return parse_size(text.data(), text.size());
}

// Splits at runs of space and tab into at most `max` parts; returns how many there are in all.
inline size_t split_args(std::string_view args, std::string_view* parts, size_t max) {
  size_t count = 0;
  size_t at = 0;
  while (at < args.size()) {
    while (at < args.size() && (args[at] == ' ' || args[at] == '\t')) ++at;
    size_t begin = at;
    while (at < args.size() && args[at] != ' ' && args[at] != '\t') ++at;
    if (at == begin) break;
    if (count < max) parts[count] = args.substr(begin, at - begin);
    ++count;
  }
  return count;
}

}  // namespace natrix::protocol
