#include <gtest/gtest.h>

#include "operator/local/memory_api/schema.h"

namespace natrix::memory_api {

TEST(Quantity, CanonicalForms) {
  const std::pair<const char*, const char*> table[] = {
      {"0", "0"},
      {"1", "1"},
      {"1000", "1k"},
      {"1500", "1500"},
      {"1.5", "1500m"},
      {"0.5", "500m"},
      {"100m", "100m"},
      {"1000m", "1"},
      {"1024Mi", "1Gi"},
      {"1536Mi", "1536Mi"},
      {"1.5Gi", "1536Mi"},
      {"1Ki", "1Ki"},
      {"512Ki", "512Ki"},
      {"10Gi", "10Gi"},
      {"1e3", "1e3"},
      {"12e6", "12e6"},
      {"1000k", "1M"},
      {"-5", "-5"},
      {"0.1Gi", "107374182400m"},
      {"1E", "1E"},
      {"+2", "2"},
      {"00010", "10"},
      {"0.000000001", "1n"},
  };
  for (const auto& [text, expected] : table) {
    const auto canonical = canonical_quantity(text);
    ASSERT_TRUE(canonical.ok()) << text;
    EXPECT_EQ(*canonical, expected) << text;
  }
}

TEST(Quantity, Refused) {
  for (const char* text :
       {"", "Gi", "1GiB", "ten", "1 Gi", "1.2.3", "1e", "0x10", "1mm", "9999999999999999999999"}) {
    EXPECT_FALSE(canonical_quantity(text).ok()) << text;
  }
}

TEST(Quantity, Values) {
  EXPECT_DOUBLE_EQ(*quantity_value("1Gi"), 1073741824.0);
  EXPECT_DOUBLE_EQ(*quantity_value("250m"), 0.25);
  EXPECT_DOUBLE_EQ(*quantity_value("2k"), 2000.0);
  EXPECT_DOUBLE_EQ(*quantity_value("-1"), -1.0);
}

}  // namespace natrix::memory_api
