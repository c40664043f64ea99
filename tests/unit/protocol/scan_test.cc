#include "broker/protocol/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace natrix::protocol {
namespace {

using ::testing::ElementsAre;

struct Scanned {
  bool found;
  std::vector<uint32_t> separators;
  bool overflow;
  uint32_t line_feed;
};

Scanned scan(std::string_view text) {
  std::string bytes(text);
  bytes.append(kScanSlack, '\n');  // what lies behind the end must not count
  LineScan scan;
  bool found = scan_line(bytes.data(), text.size(), scan);
  return {found, {scan.separators, scan.separators + scan.count}, scan.overflow, scan.line_feed};
}

TEST(Scan, NotesSeparatorsUpToTheLineFeed) {
  Scanned line = scan("PUB a.b 3\r\nxx yy");
  EXPECT_TRUE(line.found);
  EXPECT_THAT(line.separators, ElementsAre(3, 7, 9));
  EXPECT_EQ(line.line_feed, 10U);
  EXPECT_FALSE(line.overflow);
}

TEST(Scan, WithoutLineFeed) {
  EXPECT_FALSE(scan("").found);
  EXPECT_FALSE(scan("PING").found);
  EXPECT_FALSE(scan(std::string(15, 'a')).found);
  EXPECT_FALSE(scan(std::string(16, 'a')).found);
  EXPECT_FALSE(scan(std::string(100, ' ')).found);
}

TEST(Scan, HighBytesAreNoSeparators) {
  Scanned line = scan("\x80\xFF\xA0z\n");
  EXPECT_TRUE(line.found);
  EXPECT_TRUE(line.separators.empty());
}

TEST(Scan, RandomAgainstOneByteAtATime) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 70, '\0');
    for (char& c : text) c = "ab. \t\r\n\x01\xF0"[random() % 40 < 36 ? random() % 3 : random() % 9];
    std::vector<uint32_t> separators;
    size_t end = text.find('\n');
    for (size_t i = 0; i < std::min(end, text.size()); ++i) {
      if (static_cast<unsigned char>(text[i]) <= ' ')
        separators.push_back(static_cast<uint32_t>(i));
    }
    Scanned line = scan(text);
    ASSERT_EQ(line.found, end != std::string::npos);
    ASSERT_EQ(line.overflow, separators.size() > LineScan::kMax);
    if (separators.size() > LineScan::kMax) separators.resize(LineScan::kMax);
    ASSERT_EQ(line.separators, separators);
    ASSERT_TRUE(!line.found || line.line_feed == end);
  }
}

TEST(Scan, Sizes) {
  EXPECT_EQ(parse_size("0"), 0);
  EXPECT_EQ(parse_size("007"), 7);
  EXPECT_EQ(parse_size("999999999"), 999999999);
  for (const char* bad : {"", "1000000000", "-1", "+1", "1 ", "0x1", "1.0", "\xFF"}) {
    EXPECT_EQ(parse_size(bad), -1) << bad;
  }
}

std::vector<std::string> split(std::string_view args, size_t& count) {
  std::string_view parts[3];
  count = split_args(args, parts, 3);
  std::vector<std::string> all;
  for (size_t i = 0; i < std::min<size_t>(count, 3); ++i) all.emplace_back(parts[i]);
  return all;
}

TEST(Scan, SplitsAtRunsOfSpaceAndTab) {
  size_t count = 0;
  EXPECT_THAT(split("", count), ElementsAre());
  EXPECT_EQ(count, 0U);
  EXPECT_THAT(split(" \t ", count), ElementsAre());
  EXPECT_THAT(split("a", count), ElementsAre("a"));
  EXPECT_THAT(split(" a \t b ", count), ElementsAre("a", "b"));
  EXPECT_THAT(split("a b c d e", count), ElementsAre("a", "b", "c"));
  EXPECT_EQ(count, 5U) << "too many are counted, not kept";
}

}  // namespace
}  // namespace natrix::protocol
