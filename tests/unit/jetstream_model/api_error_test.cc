#include "broker/jetstream/model/api_error.h"

#include <gtest/gtest.h>

namespace natrix::jetstream::model {
namespace {

TEST(ApiError, HasNumberCodeAndText) {
  EXPECT_EQ(api_error(Err::kStreamNotFound), (ApiError{404, 10059, "stream not found"}));
  EXPECT_EQ(api_error(Err::kTooManyRequests).code, 429);
}

TEST(ApiError, TakesValuesIntoItsText) {
  EXPECT_EQ(api_error(Err::kWrongLastSequence, "7").description, "wrong last sequence: 7");
  EXPECT_EQ(api_error(Err::kAckPendingExceeds, "10").description,
            "consumer max ack pending exceeds system limit of 10");
  EXPECT_EQ(api_error(Err::kStreamInvalidConfig, "x {y}").description, "x {y}");
}

TEST(ApiError, TheTableIsComplete) {
  int missing = 0;
  for (int number = 10002; number < 10228; ++number) {
    missing += find_error(static_cast<Err>(number)).text == "unknown error" ? 1 : 0;
  }
  EXPECT_EQ(missing, 0);
}

}  // namespace
}  // namespace natrix::jetstream::model
