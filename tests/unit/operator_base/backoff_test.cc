#include "operator/base/backoff.h"

#include <gtest/gtest.h>

#include "operator/base/token_bucket.h"

namespace natrix::ops {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToTheMaximum) {
  BackoffPolicy policy{.initial = 100ms, .max = 1s, .factor = 2, .jitter = 0};
  EXPECT_EQ(policy.delay(1, 0.3), 100ms);
  EXPECT_EQ(policy.delay(2, 0.3), 200ms);
  EXPECT_EQ(policy.delay(4, 0.3), 800ms);
  EXPECT_EQ(policy.delay(5, 0.3), 1s);
  EXPECT_EQ(policy.delay(1'000'000, 0.3), 1s);
}

TEST(Backoff, JitterSpreadsAroundTheBase) {
  BackoffPolicy policy{.initial = 100ms, .max = 1s, .factor = 2, .jitter = 0.5};
  EXPECT_EQ(policy.delay(1, 0.0), 50ms);
  EXPECT_EQ(policy.delay(1, 0.5), 100ms);
  EXPECT_GT(policy.delay(1, 0.999), 149ms);
}

TEST(Backoff, RandomSourceStaysInRangeAndVaries) {
  RandomSource random = default_random();
  double first = random();
  bool varies = false;
  for (int i = 0; i < 100; ++i) {
    double value = random();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    varies |= value != first;
  }
  EXPECT_TRUE(varies);
}

TEST(TokenBucket, BurstIsFreeThenCallersQueueUp) {
  Time start{};
  TokenBucket bucket(20, 30, start);
  for (int i = 0; i < 30; ++i) ASSERT_EQ(bucket.reserve(start), 0ns) << i;
  EXPECT_EQ(bucket.reserve(start), 50ms);
  EXPECT_EQ(bucket.reserve(start), 100ms);
  EXPECT_EQ(bucket.reserve(start + 100ms), 50ms);
}

TEST(TokenBucket, SavesNoMoreThanTheBurst) {
  Time start{};
  TokenBucket bucket(10, 2, start);
  EXPECT_EQ(bucket.reserve(start + 1h), 0ns);
  EXPECT_EQ(bucket.reserve(start + 1h), 0ns);
  EXPECT_EQ(bucket.reserve(start + 1h), 100ms);
}

TEST(TokenBucket, RefundUndoesAReservation) {
  Time start{};
  TokenBucket bucket(10, 1, start);
  EXPECT_EQ(bucket.reserve(start), 0ns);
  EXPECT_EQ(bucket.reserve(start), 100ms);
  bucket.refund();
  EXPECT_EQ(bucket.reserve(start), 100ms);
}

TEST(TokenBucket, ZeroRateMeansNoLimit) {
  TokenBucket bucket(0, 1, Time{});
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(bucket.reserve(Time{}), 0ns);
}

}  // namespace
}  // namespace natrix::ops
