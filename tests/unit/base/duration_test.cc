#include "broker/base/duration.h"

#include <gtest/gtest.h>

#include <limits>

namespace natrix {
namespace {

using std::chrono::nanoseconds;

TEST(ParseDuration, AcceptsEveryGoForm) {
  struct Case {
    const char* text;
    int64_t nanos;
  };
  const Case cases[] = {
      {"0", 0},
      {"+0", 0},
      {"0s", 0},
      {"1ns", 1},
      {"3us", 3'000},
      {"3\xC2\xB5s", 3'000},
      {"3\xCE\xBCs", 3'000},
      {"100ms", 100'000'000},
      {"2s", 2'000'000'000},
      {"1.5s", 1'500'000'000},
      {".5s", 500'000'000},
      {"5.s", 5'000'000'000},
      {"-2m", -120'000'000'000},
      {"1h30m", 5'400'000'000'000},
      {"1h2m3s4ms5us6ns", 3'723'004'005'006},
      {"0.100000000000000000000h", 360'000'000'000},
      {"9223372036854775807ns", std::numeric_limits<int64_t>::max()},
      {"-9223372036854775808ns", std::numeric_limits<int64_t>::min()},
  };
  for (const Case& c : cases) {
    Result<nanoseconds> result = parse_duration(c.text);
    ASSERT_TRUE(result) << c.text << ": " << result.error().message;
    EXPECT_EQ(result->count(), c.nanos) << c.text;
  }
}

TEST(ParseDuration, RefusesTheRestAndQuotesIt) {
  for (const char* text :
       {"", "-", "3", "1.5", "s", ".s", "1x", "1 s", "1h30", "1d", "--1s", "9223372036854775808ns",
        "99999999999999999999s", "9000000h", "-9223372036854775809ns", "1s ", "1,5s"}) {
    Result<nanoseconds> result = parse_duration(text);
    ASSERT_FALSE(result) << text;
    EXPECT_NE(result.error().message.find("\"" + std::string(text) + "\""), std::string::npos);
  }
}

TEST(FormatDuration, PrintsLikeGo) {
  struct Case {
    int64_t nanos;
    const char* text;
  };
  const Case cases[] = {
      {0, "0s"},
      {7, "7ns"},
      {1'500, "1.5\xC2\xB5s"},
      {100'000'000, "100ms"},
      {1'234'567, "1.234567ms"},
      {2'000'000'000, "2s"},
      {1'500'000'000, "1.5s"},
      {59'999'999'999, "59.999999999s"},
      {120'000'000'000, "2m0s"},
      {5'400'000'000'000, "1h30m0s"},
      {3'600'500'000'000, "1h0m0.5s"},
      {-90'000'000'000, "-1m30s"},
      {std::numeric_limits<int64_t>::min(), "-2562047h47m16.854775808s"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(format_duration(nanoseconds(c.nanos)), c.text);
    Result<nanoseconds> back = parse_duration(c.text);
    ASSERT_TRUE(back) << c.text;
    EXPECT_EQ(back->count(), c.nanos) << c.text;
  }
}

TEST(FormatUptime, ShowsDaysAndYears) {
  using namespace std::chrono_literals;
  EXPECT_EQ(format_uptime(0s), "0s");
  EXPECT_EQ(format_uptime(7900ms), "7s");
  EXPECT_EQ(format_uptime(62s), "1m2s");
  EXPECT_EQ(format_uptime(2h + 3s), "2h0m3s");
  EXPECT_EQ(format_uptime(26h + 3min + 4s), "1d2h3m4s");
  EXPECT_EQ(format_uptime(24h * 731), "2y1d0h0m0s");
}

}  // namespace
}  // namespace natrix
