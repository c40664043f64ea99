#include "broker/subject/subscription.h"

#include <gtest/gtest.h>

#include <string>

namespace natrix::subject {
namespace {

TEST(Subscription, HoldsItsSid) {
  Subscription* sub = Subscription::create(nullptr, 3, Origin::kRoute, "sid-77");
  EXPECT_EQ(sub->sid(), "sid-77");
  EXPECT_EQ(sub->shard, 3);
  EXPECT_EQ(sub->origin, Origin::kRoute);
  EXPECT_FALSE(sub->closed);
  EXPECT_EQ(sub->max, 0U);
  Subscription::destroy(sub);
}

TEST(Subscription, HasNoSubjectBeforeItIsInserted) {
  Subscription* sub = Subscription::create(nullptr, 0, Origin::kLocal, "1");
  EXPECT_EQ(sub->subject(), "");
  EXPECT_EQ(sub->queue(), "");
  EXPECT_EQ(sub->group(), nullptr);
  Subscription::destroy(sub);
}

TEST(Subscription, AnySidThatFitsAControlLine) {
  std::string longest(4096, 's');
  Subscription* sub = Subscription::create(nullptr, 0, Origin::kLocal, longest);
  EXPECT_EQ(sub->sid(), longest);
  Subscription::destroy(sub);
}

}  // namespace
}  // namespace natrix::subject
