// Numbers of any size: what is one, sums against 64-bit arithmetic, carries over many
// digits.
#include "broker/jetstream/counter/number.h"

#include <gtest/gtest.h>

#include <random>

namespace natrix::jetstream::counter {
namespace {

Number number(std::string_view text) {
  auto parsed = Number::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(Number());
}

TEST(NumberTest, ReadsSignsAndZeros) {
  for (auto [text, canonical] :
       {std::pair{"0", "0"},
        {"-0", "0"},
        {"+0", "0"},
        {"+1", "1"},
        {"-5", "-5"},
        {"007", "7"},
        {"-000000000000000000000000", "0"},
        {"1000000000", "1000000000"},
        {"-1000000000000000000", "-1000000000000000000"},
        {"123456789012345678901234567890", "123456789012345678901234567890"}}) {
    EXPECT_EQ(number(text).text(), canonical);
  }
}

TEST(NumberTest, RefusesEverythingElse) {
  for (const char* text : {"", "+", "-", "--1", "+-1", "1-", "1.0", "1e3", "0x10", "1_000", " 1",
                           "1 ", "\xd9\xa1", "1000000000a000000000", "a1"}) {
    EXPECT_FALSE(Number::parse(text)) << text;
  }
}

TEST(NumberTest, AddsAndSubtracts) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 20000; ++i) {
    // Numbers of all lengths, so that every carry and borrow happens; sums fit into 64 bits.
    auto a = static_cast<int64_t>(random()) >> (1 + random() % 63);
    auto b = static_cast<int64_t>(random()) >> (1 + random() % 63);
    if (i % 5 == 0) a /= 1'000'000'000, a *= 1'000'000'000;
    Number x = number(std::to_string(a));
    Number y = number(std::to_string(b));
    ASSERT_EQ((x + y).text(), std::to_string(a + b));
    ASSERT_EQ((x - y).text(), std::to_string(a - b));
    ASSERT_EQ((x + y) - y, x);
    ASSERT_EQ((x - y) + y, x);
  }
}

TEST(NumberTest, CarriesThroughAllDigits) {
  std::string nines(1000, '9');
  Number big = number(nines) + number("1");
  EXPECT_EQ(big.text(), "1" + std::string(1000, '0'));
  EXPECT_EQ((big - number("1")).text(), nines);
  EXPECT_EQ((number("1") - big).text(), "-" + nines);
  Number zero = big - big;
  EXPECT_EQ(zero.text(), "0");
  EXPECT_FALSE(zero.negative());
  EXPECT_EQ(zero, Number());
}

}  // namespace
}  // namespace natrix::jetstream::counter
