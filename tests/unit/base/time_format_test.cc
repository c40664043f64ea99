#include "broker/base/time_format.h"

#include <gtest/gtest.h>

namespace natrix {
namespace {

SystemTime at(int64_t seconds, int64_t nanos) {
  return SystemTime(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanos));
}

TEST(FormatRfc3339, TrimsTheFractionLikeGo) {
  EXPECT_EQ(format_rfc3339(at(0, 0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_rfc3339(at(1'785'587'696, 123'456'789)), "2026-08-01T12:34:56.123456789Z");
  EXPECT_EQ(format_rfc3339(at(1'785'587'696, 500'000'000)), "2026-08-01T12:34:56.5Z");
  EXPECT_EQ(format_rfc3339(at(1'709'164'800, 1)), "2024-02-29T00:00:00.000000001Z");
  EXPECT_EQ(format_rfc3339(at(-1, 0)), "1969-12-31T23:59:59Z");
}

}  // namespace
}  // namespace natrix
