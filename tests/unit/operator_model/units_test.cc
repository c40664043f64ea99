#include "operator/model/units.h"

#include <gtest/gtest.h>

namespace natrix::model {
namespace {

using nlohmann::json;
using std::chrono::nanoseconds;

TEST(ParseSize, KnowsTheSuffixesOfTheServers) {
  const std::vector<std::pair<json, int64_t>> kCases = {
      {0, 0},
      {65536, 65536},
      {"65536", 65536},
      {"1K", 1000},
      {"1k", 1000},
      {"1KB", 1024},
      {"1Ki", 1024},
      {"1KiB", 1024},
      {"2M", 2000000},
      {"10MB", 10 << 20},
      {"1g", 1000000000},
      {"1Gi", 1 << 30},
      {"1T", 1000000000000},
      {"1TB", int64_t{1} << 40},
  };
  for (const auto& [input, bytes] : kCases) {
    const auto parsed = parse_size(input);
    ASSERT_TRUE(parsed.ok()) << input;
    EXPECT_EQ(*parsed, bytes) << input;
  }
}

TEST(ParseSize, RefusesEverythingElse) {
  for (const json& input :
       {json(-1), json("-1"), json(""), json("MB"), json("1X"), json("1MBB"), json("1 MB"),
        json("1.5M"), json("9999999999T"), json(true), json(1.5)}) {
    EXPECT_FALSE(parse_size(input).ok()) << input;
  }
}

TEST(ParseDuration, ReadsGoNotation) {
  EXPECT_EQ(parse_duration("30s").value(), std::chrono::seconds(30));
  EXPECT_EQ(parse_duration("1h30m").value(), std::chrono::minutes(90));
  EXPECT_EQ(parse_duration("500ms").value(), std::chrono::milliseconds(500));
  EXPECT_EQ(parse_duration("2m").value(), std::chrono::minutes(2));
  EXPECT_EQ(parse_duration("0s").value(), nanoseconds(0));
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const char* input : {"", "30", "s", "-1s", "1.5h", "1d", "30 s", "99999999999999h"}) {
    EXPECT_FALSE(parse_duration(input).ok()) << input;
  }
}

TEST(SameQuantity, ComparesAmountsNotTexts) {
  const std::vector<std::pair<const char*, const char*>> kSame = {
      {"1", "1000m"}, {"1Gi", "1024Mi"}, {"1e3", "1k"},    {"0.5", "500m"},
      {"2", "2.0"},   {"1Ei", "1024Pi"}, {"100n", "0.1u"}, {"odd", "odd"},
  };
  for (const auto& [a, b] : kSame) EXPECT_TRUE(same_quantity(a, b)) << a << " " << b;
  const std::vector<std::pair<const char*, const char*>> kOther = {
      {"1", "1001m"}, {"1G", "1Gi"}, {"odd", "1"}, {"1x", "1"}, {"", "0"}, {"1e99", "1e98"},
  };
  for (const auto& [a, b] : kOther) EXPECT_FALSE(same_quantity(a, b)) << a << " " << b;
}

TEST(QuantityUnits, RoundsDown) {
  EXPECT_EQ(quantity_units("5Gi"), int64_t{5} << 30);
  EXPECT_EQ(quantity_units("1500m"), 1);
  EXPECT_EQ(quantity_units("-1"), 0);
  EXPECT_EQ(quantity_units("lots"), 0);
}

}  // namespace
}  // namespace natrix::model
