#include "broker/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace natrix {

void assertion_failed(const char* condition, const char* text, const char* file, int line) {
  std::fprintf(stderr, "natrix: broken invariant: %s (%s) at %s:%d\n", text, condition, file, line);
  std::abort();
}

}  // namespace natrix
