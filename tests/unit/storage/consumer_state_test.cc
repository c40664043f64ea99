#include "broker/storage/consumer_state.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace natrix::storage::tests {
namespace {

TEST(ConsumerState, FloorFollowsAcknowledgements) {
  ConsumerState state;
  for (uint64_t i = 1; i <= 4; ++i) state.deliver({i, i * 10}, 1, 5, true);
  EXPECT_EQ(state.pending_count(), 4u);
  EXPECT_TRUE(state.acknowledge(20));
  EXPECT_EQ(state.ack_floor(), (SequencePair{0, 9}));
  EXPECT_TRUE(state.acknowledge(10));
  EXPECT_EQ(state.ack_floor(), (SequencePair{2, 29}));
  EXPECT_FALSE(state.acknowledge(10));
  EXPECT_EQ(state.acknowledge_through(40), 2u);
  EXPECT_EQ(state.ack_floor(), (SequencePair{4, 40}));
}

TEST(ConsumerState, RedeliveryKeepsTheFirstConsumerSequence) {
  ConsumerState state;
  state.deliver({1, 1}, 1, 5, true);
  state.deliver({2, 2}, 1, 5, true);
  state.deliver({3, 1}, 2, 9, true);
  EXPECT_EQ(state.delivered(), (SequencePair{3, 2}));
  EXPECT_EQ(*state.pending(1), (PendingAck{1, 1, 9, 2}));
  EXPECT_EQ(state.redelivered_count(), 1u);
  EXPECT_TRUE(state.touch(2, 77));
  EXPECT_EQ(state.pending(2)->time, 77);
  EXPECT_FALSE(state.touch(3, 1));
}

TEST(ConsumerState, WithoutAcknowledgementsTheFloorFollowsDelivery) {
  ConsumerState state;
  state.deliver({1, 5}, 1, 5, false);
  EXPECT_EQ(state.ack_floor(), (SequencePair{1, 5}));
  EXPECT_EQ(state.pending_count(), 0u);
}

TEST(ConsumerState, SurvivesItsEncoding) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 50; ++round) {
    ConsumerState state;
    std::map<Seq, uint32_t> model;
    Seq next = 1;
    for (uint64_t i = 1; i < 300; ++i) {
      Seq pick = 1 + random() % next;
      if (random() % 2 == 0) {
        next += 1 + random() % 3;
        state.deliver({i, next}, 1, static_cast<Nanos>(random() >> 2), true);
        model[next] = 1;
      } else if (random() % 4 == 0 && model.count(pick) == 1) {
        state.deliver({i, pick}, ++model[pick], static_cast<Nanos>(random() >> 2), true);
      } else {
        ASSERT_EQ(state.acknowledge(pick), model.erase(pick) == 1);
      }
      ASSERT_EQ(state.pending_count(), model.size());
      ASSERT_EQ(state.ack_floor().stream < (model.empty() ? ~Seq{0} : model.begin()->first), true);
    }
    std::string bytes;
    state.encode(bytes);
    ConsumerState back;
    ASSERT_TRUE(back.decode(bytes));
    ASSERT_EQ(back, state);
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      ConsumerState other;
      ASSERT_FALSE(other.decode(std::string_view(bytes).substr(0, cut)));
    }
  }
}

}  // namespace
}  // namespace natrix::storage::tests
