// NATRIX_ASSERT(condition, text): an invariant that stays checked in release builds. A violated one
// prints the invariant with its place to stderr and aborts: state that contradicts itself must not
// go on to acknowledge data. Never for conditions that a peer, a file or the kernel can cause.
#pragma once

namespace natrix {
[[noreturn]] void assertion_failed(const char* condition, const char* text, const char* file,
                                   int line);
}  // namespace natrix

#define NATRIX_ASSERT(condition, text)                                    \
  do {                                                                    \
    if (!(condition)) [[unlikely]]                                        \
      ::natrix::assertion_failed(#condition, (text), __FILE__, __LINE__); \
  } while (false)
