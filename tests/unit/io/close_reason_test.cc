#include "broker/io/close_reason.h"

#include <gtest/gtest.h>

#include <set>

namespace natrix::io {
namespace {

TEST(CloseReason, TextsAreThoseOfTheOriginal) {
  EXPECT_EQ(text(CloseReason::kClientClosed), "Client Closed");
  EXPECT_EQ(text(CloseReason::kSlowConsumerPendingBytes), "Slow Consumer (Pending Bytes)");
  EXPECT_EQ(text(CloseReason::kSlowConsumerWriteDeadline), "Slow Consumer (Write Deadline)");
  EXPECT_EQ(text(CloseReason::kAuthenticationViolation), "Authentication Failure");
  EXPECT_EQ(text(CloseReason::kServerShutdown), "Server Shutdown");
}

TEST(CloseReason, EachHasATextOfItsOwn) {
  std::set<std::string_view> texts;
  for (int i = 0; i <= static_cast<int>(CloseReason::kInternal); ++i) {
    std::string_view one = text(static_cast<CloseReason>(i));
    EXPECT_NE(one, "Unknown") << i;
    EXPECT_TRUE(texts.insert(one).second) << one;
  }
}

}  // namespace
}  // namespace natrix::io
