// What may be in a file after a power cut: the tests try many seeds, and ask both that nothing
// forbidden is ever seen and that everything which must be able to happen does.
#include "tests/crash/disk/content.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace natrix::crash {
namespace {

constexpr uint64_t kSeeds = 300;

void write(Content& content, uint64_t offset, const std::string& bytes) {
  content.write(offset, bytes.data(), bytes.size());
}

std::string text(const Content& content) {
  std::string bytes(content.size(), '?');
  bytes.resize(content.read(0, bytes.data(), bytes.size()));
  return bytes;
}

std::string after_cut(const Content& content, Survival survival, uint64_t seed,
                      uint32_t sector = 512) {
  Dice dice(seed);
  return text(content.after_power_cut(dice, {survival, sector}));
}

TEST(Content, ReadsWhatWasWritten) {
  Content content;
  write(content, 5000, "abc");
  write(content, 0, std::string(4100, 'x'));
  EXPECT_EQ(text(content), std::string(4100, 'x') + std::string(900, '\0') + "abc");
  char byte = 0;
  EXPECT_EQ(content.read(5003, &byte, 1), 0U);
}

TEST(Content, LongerAgainShowsZerosNotTheOldBytes) {
  Content content;
  write(content, 0, "secret");
  content.resize(2);
  content.resize(6);
  EXPECT_EQ(text(content), std::string("se\0\0\0\0", 6));
}

TEST(Content, WhatWasSyncedSurvivesWhateverIsWrittenElsewhere) {
  Content content;
  write(content, 0, std::string(10000, 'a'));
  content.sync();
  write(content, 10000, std::string(10000, 'b'));
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (Survival survival :
         {Survival::kNothing, Survival::kEverything, Survival::kPrefix, Survival::kMixture}) {
      std::string left = after_cut(content, survival, seed);
      ASSERT_GE(left.size(), 10000U);
      ASSERT_EQ(left.substr(0, 10000), std::string(10000, 'a')) << "seed " << seed;
    }
  }
}

TEST(Content, EachSectorHasOneOfItsVersions) {
  Content content;
  write(content, 0, std::string(4096, '0'));
  content.sync();
  write(content, 0, std::string(4096, '1'));
  write(content, 0, std::string(4096, '2'));
  std::set<std::string> firsts;
  bool later_without_earlier = false;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    std::string left = after_cut(content, Survival::kMixture, seed);
    ASSERT_EQ(left.size(), 4096U);
    for (size_t at = 0; at < left.size(); at += 512) {
      ASSERT_EQ(left.substr(at, 512), std::string(512, left[at]));
      ASSERT_TRUE(left[at] >= '0' && left[at] <= '2');
    }
    firsts.insert(left.substr(0, 1));
    later_without_earlier |= left[0] == '0' && left[512] == '2';
  }
  EXPECT_EQ(firsts.size(), 3U);
  EXPECT_TRUE(later_without_earlier);
}

TEST(Content, APrefixHasNothingBehindItsEnd) {
  Content content;
  write(content, 0, std::string(8192, 'n'));
  std::set<size_t> ends;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    std::string left = after_cut(content, Survival::kPrefix, seed);
    size_t end = left.find('\0');
    if (end == std::string::npos) end = left.size();
    ASSERT_EQ(end % 512, 0U);
    ASSERT_EQ(left.find('n', end), std::string::npos);
    ends.insert(end);
  }
  EXPECT_GT(ends.size(), 10U);
}

TEST(Content, BlocksGivenBackDoNotMixWithWhatCameAfter) {
  Content content;
  write(content, 0, std::string(8192, 'o'));
  content.sync();
  content.resize(0);
  write(content, 0, std::string(8192, 'n'));
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    std::string left = after_cut(content, Survival::kMixture, seed);
    bool has_old = left.find('o') != std::string::npos;
    bool has_new = left.find('n') != std::string::npos;
    ASSERT_FALSE(has_old && has_new) << "seed " << seed;
  }
}

TEST(Content, ASecondSyncDoesNotMendAFailedOne) {
  bool lost = false;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Content content;
    write(content, 0, std::string(8192, 'a'));
    Dice dice(seed);
    content.fail_sync(dice);
    EXPECT_FALSE(content.pending());
    EXPECT_EQ(text(content), std::string(8192, 'a'));  // reads come from memory
    write(content, 8192, "b");
    content.sync();
    std::string left = after_cut(content, Survival::kEverything, seed);
    ASSERT_EQ(left.substr(8192), "b");
    lost |= left.find('\0') != std::string::npos;
  }
  EXPECT_TRUE(lost);
}

TEST(Content, TheSameSeedLeavesTheSame) {
  Content content;
  for (int i = 0; i < 50; ++i) {
    write(content, static_cast<uint64_t>(i) * 700,
          std::string(900, static_cast<char>('a' + i % 26)));
  }
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(after_cut(content, Survival::kMixture, seed),
              after_cut(content, Survival::kMixture, seed));
  }
}

}  // namespace
}  // namespace natrix::crash
