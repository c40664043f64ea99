#include "broker/jetstream/model/time.h"

#include <gtest/gtest.h>

namespace natrix::jetstream::model {
namespace {

TEST(Time, ReadsRfc3339) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:01Z"), Time{1'000'000'000});
  EXPECT_EQ(parse_time("1970-01-01T00:00:00.000000001Z"), Time{1});
  EXPECT_EQ(parse_time("1970-01-01T01:00:00+01:00"), Time{0});
  EXPECT_EQ(parse_time("1969-12-31T23:30:00-00:30"), Time{0});
  EXPECT_EQ(parse_time("2024-02-29T00:00:00.5Z"), Time{1709164800'500'000'000});
}

TEST(Time, TheZeroTimeOfGo) {
  EXPECT_EQ(format_time({}), "0001-01-01T00:00:00Z");
  ASSERT_TRUE(parse_time("0001-01-01T00:00:00Z"));
  EXPECT_TRUE(parse_time("0001-01-01T00:00:00Z")->is_zero());
}

TEST(Time, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "2024", "2024-02-30T00:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Zx",
        "2024-01-01T00:00:00+25:00", "9999-01-01T00:00:00Z", "-024-01-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(Time, WritesWhatItReads) {
  for (const char* text : {"2026-08-01T12:34:56.123456789Z", "2026-08-01T12:34:56.5Z"}) {
    EXPECT_EQ(format_time(*parse_time(text)), text);
  }
}

}  // namespace
}  // namespace natrix::jetstream::model
