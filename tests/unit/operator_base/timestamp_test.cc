#include "operator/base/timestamp.h"

#include <gtest/gtest.h>

namespace natrix::ops {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

const WallTime kTime = sys_days(2026y / August / 1) + 12h + 34min + 56s + 123456us;

TEST(Timestamp, FormatsBothKubernetesForms) {
  EXPECT_EQ(format_time(kTime), "2026-08-01T12:34:56Z");
  EXPECT_EQ(format_micro_time(kTime), "2026-08-01T12:34:56.123456Z");
  EXPECT_EQ(format_micro_time(WallTime{}), "1970-01-01T00:00:00.000000Z");
}

TEST(Timestamp, ParsesWhatItWrites) {
  EXPECT_EQ(parse_time(format_micro_time(kTime)), kTime);
  EXPECT_EQ(parse_time("2026-08-01T12:34:56Z"), floor<seconds>(kTime));
}

TEST(Timestamp, ParsesFractionsAndOffsets) {
  EXPECT_EQ(parse_time("2026-08-01T14:34:56.123456789+02:00"), kTime + 789ns);
  EXPECT_EQ(parse_time("2026-08-01T12:04:56.123456-00:30"), kTime);
}

TEST(Timestamp, RefusesEverythingElse) {
  for (const char* text : {"", "2026", "2026-08-01", "2026-08-01 12:34:56Z", "2026-08-01T12:34:56",
                           "2026-13-01T12:34:56Z", "2026-02-30T12:34:56Z", "2026-08-01T24:00:00Z",
                           "2026-08-01T12:34:56.Z", "2026-08-01T12:34:56Zx", "-026-08-01T12:34:56Z",
                           "2026-08-01T12:34:56+0200"}) {
    EXPECT_FALSE(parse_time(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace natrix::ops
