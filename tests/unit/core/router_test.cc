#include "broker/core/router.h"

#include <gmock/gmock.h>

#include "tests/unit/core/router_fixture.h"

namespace natrix::core {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(RouterTest, EverySubscriptionThatMatchesGetsTheMessage) {
  Inbox inbox, other;
  for (const char* pattern : {"a.b", "a.*", "a.>", ">"}) subscribe(inbox, pattern);
  subscribe(other, "a.c");
  subscribe(other, "a.b.>");
  EXPECT_EQ(publish("a.b").deliveries, 4U);
  EXPECT_THAT(inbox.messages(), Each("a.b x"));
  EXPECT_EQ(inbox.count(), 4U);
  EXPECT_THAT(other.messages(), IsEmpty());
  EXPECT_EQ(publish("b.a").deliveries, 1U);
  EXPECT_EQ(publish("a..b").deliveries, 0U) << "an empty token matches nothing";
}

TEST_F(RouterTest, WithoutEchoThePublisherGetsNothing) {
  Inbox self, other;
  subscribe(self, "a");
  subscribe(self, "a", "q");
  subscribe(other, "a");
  EXPECT_EQ(publish("a", "x", 0, {&self, false, false, {}}).deliveries, 1U);
  EXPECT_THAT(self.messages(), IsEmpty());
  EXPECT_EQ(publish("a", "x", 0, {&self, true, false, {}}).deliveries, 3U);
}

TEST_F(RouterTest, OneMemberOfAQueueGroupGetsTheMessage) {
  Inbox members[3], plain;
  for (Inbox& member : members) subscribe(member, "a.*", "q");
  subscribe(plain, "a.b");
  constexpr size_t kMessages = 300;
  for (size_t i = 0; i < kMessages; ++i) EXPECT_EQ(publish("a.b").deliveries, 2U);
  EXPECT_EQ(plain.count(), kMessages);
  size_t sum = 0;
  for (Inbox& member : members) {
    EXPECT_GT(member.count(), kMessages / 10) << "all have their share";
    sum += member.count();
  }
  EXPECT_EQ(sum, kMessages);
}

// A group is one group whatever patterns its members use.
TEST_F(RouterTest, AQueueGroupSpansPatterns) {
  Inbox one, two, other;
  subscribe(one, "a.*", "q");
  subscribe(two, "a.b", "q");
  subscribe(other, "a.b", "other");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(publish("a.b").deliveries, 2U);
  EXPECT_EQ(one.count() + two.count(), 100U);
  EXPECT_EQ(other.count(), 100U);
}

TEST_F(RouterTest, AnotherMemberServesWhenOneRefuses) {
  Inbox gone, there;
  gone.answer = Delivery::kRefused;
  subscribe(gone, "a", "q");
  subscribe(there, "a", "q");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(publish("a").deliveries, 1U);
  EXPECT_EQ(there.count(), 50U);
  there.answer = Delivery::kRefused;
  EXPECT_EQ(publish("a").deliveries, 0U);
}

TEST_F(RouterTest, CongestionIsReported) {
  Inbox inbox;
  subscribe(inbox, "a");
  EXPECT_FALSE(publish("a").congested);
  inbox.answer = Delivery::kCongested;
  Published slow = publish("a");
  EXPECT_TRUE(slow.congested);
  EXPECT_EQ(slow.deliveries, 1U);
}

TEST_F(RouterTest, ARouteGetsAMessageOnceHoweverManyPatternsMatch) {
  Inbox route;
  subscribe(route, "a.b", {}, 0, Origin::kRoute);
  subscribe(route, "a.*", {}, 0, Origin::kRoute);
  subscribe(route, ">", "q", 0, Origin::kRoute, 2);
  EXPECT_EQ(publish("a.b").deliveries, 1U);
  EXPECT_THAT(route.messages(), ElementsAre("a.b x q"));
}

TEST_F(RouterTest, MessagesFromARouteStayHere) {
  Inbox from, other_route, local, chosen, not_chosen;
  subscribe(from, "a", {}, 0, Origin::kRoute);
  subscribe(other_route, "a", {}, 0, Origin::kRoute);
  subscribe(local, "a");
  subscribe(chosen, "a", "q1");
  subscribe(not_chosen, "a", "q2");
  std::string_view queues[] = {"q1"};
  EXPECT_EQ(publish("a", "x", 0, {&from, true, true, queues}).deliveries, 2U);
  EXPECT_EQ(local.count(), 1U);
  EXPECT_EQ(chosen.count(), 1U);
  EXPECT_EQ(not_chosen.count() + other_route.count() + from.count(), 0U);
}

// The origin chose this server for a group whose members have left since.
TEST_F(RouterTest, AGroupThatHasLeftIsServedByAnotherServer) {
  Inbox from, has_it_already, next;
  subscribe(from, "a", "q", 0, Origin::kRoute);
  subscribe(has_it_already, "a", {}, 0, Origin::kRoute);
  subscribe(has_it_already, "a", "q", 0, Origin::kRoute);
  subscribe(next, "a", "q", 0, Origin::kRoute);
  std::string_view queues[] = {"q"};
  EXPECT_EQ(publish("a", "x", 0, {&from, true, true, queues}).deliveries, 1U);
  EXPECT_THAT(next.messages(), ElementsAre("a x q"));
  EXPECT_EQ(from.count() + has_it_already.count(), 0U);
}

// Weights count members: 1 here, 3 and 6 elsewhere.
TEST_F(RouterTest, QueueGroupsAreSharedByWeight) {
  Inbox local, three, six;
  subscribe(local, "a", "q");
  subscribe(three, "a", "q", 0, Origin::kRoute, 3);
  subscribe(six, "a", "q", 0, Origin::kRoute, 6);
  constexpr size_t kMessages = 4000;
  on(0, [&] {
    for (size_t i = 0; i < kMessages; ++i) publish_here(0, "a", "x");
  });
  EXPECT_EQ(local.count() + three.count() + six.count(), kMessages);
  EXPECT_NEAR(static_cast<double>(local.count()), kMessages * 0.1, kMessages * 0.05);
  EXPECT_NEAR(static_cast<double>(three.count()), kMessages * 0.3, kMessages * 0.07);
  EXPECT_NEAR(static_cast<double>(six.count()), kMessages * 0.6, kMessages * 0.07);
}

TEST_F(RouterTest, OtherShardsGetTheirMessagesInOrder) {
  Inbox inbox;
  subscribe(inbox, "a.>", {}, 1);
  std::vector<std::string> expected;
  on(0, [&] {
    for (int i = 0; i < 1000; ++i) {
      std::string payload = std::to_string(i);
      EXPECT_EQ(publish_here(0, "a.b", payload).deliveries, 1U);
      expected.push_back("a.b " + payload);
    }
  });
  ASSERT_TRUE(eventually([&] { return inbox.count() == expected.size(); }));
  EXPECT_EQ(inbox.messages(), expected);
}

TEST_F(RouterTest, ALargeMessageWithManyReceiversStaysWhole) {
  Inbox here, there;
  for (int i = 0; i < 3; ++i) subscribe(here, "a");
  for (int i = 0; i < 3; ++i) subscribe(there, "a", {}, 1);
  std::string payload(100 * 1000, 'z');
  on(0, [&] {
    // As a connection does: the bytes are in a chunk that is used again for the next read.
    io::SharedBytes* chunk = shards_[0]->read_chunk();
    std::string bytes = "a " + std::to_string(payload.size()) + "\r\n" + payload + "\r\n";
    ASSERT_LT(bytes.size(), chunk->capacity());
    bytes.copy(chunk->data(), bytes.size());
    Message message;
    message.subject_data = chunk->data();
    message.subject_size = 1;
    message.tail = chunk->data() + 2;
    message.body = chunk->data() + bytes.find('\n') + 1;
    message.total_size = static_cast<uint32_t>(payload.size());
    message.block = chunk;
    message.account = &accounts.global();
    EXPECT_EQ(routers_[0]->publish({}, message).deliveries, 6U);
  });
  ASSERT_TRUE(eventually([&] { return there.count() == 3; }));
  EXPECT_THAT(here.messages(), Each("a " + payload));
  EXPECT_THAT(there.messages(), Each("a " + payload));
}

// A member on another shard that is gone when the batch arrives does not lose it for the group.
TEST_F(RouterTest, AMessageForAMemberThatLeftGoesToAnother) {
  Inbox gone, there;
  gone.answer = Delivery::kRefused;
  subscribe(gone, "a", "q", 1);
  subscribe(there, "a", "q", 0);
  constexpr size_t kMessages = 200;
  for (size_t i = 0; i < kMessages; ++i) publish("a");
  EXPECT_TRUE(eventually([&] { return there.count() == kMessages; })) << there.count();
}

// A shard that stands still makes publishers wait before its mail grows without bound.
TEST_F(RouterTest, AShardThatFallsBehindSlowsPublishersDown) {
  Inbox inbox;
  subscribe(inbox, "a", {}, 1);
  std::promise<void> go_on;
  shards_[1]->post([&] { go_on.get_future().wait(); });
  Published result;
  int batches = 0;
  while (!result.backlogged && batches < 1000) {
    result = publish("a");
    ++batches;
  }
  EXPECT_TRUE(result.congested);
  EXPECT_GT(batches, 64);
  EXPECT_LT(batches, 80);
  go_on.set_value();
  EXPECT_TRUE(eventually([&] { return inbox.count() == static_cast<size_t>(batches); }));
}

}  // namespace
}  // namespace natrix::core
