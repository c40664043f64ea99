// Subscriptions come and go on every shard while every shard publishes. What is wrong here shows
// under the sanitizers, or as a message that was lost, doubled or out of order.
#include <random>

#include "tests/unit/core/router_fixture.h"

namespace natrix::core {
namespace {

// Checks that each publisher's messages arrive in order and once.
class Ordered final : public Receiver {
 public:
  Delivery deliver(Subscription&, const Message& message,
                   std::span<const std::string_view>) override {
    std::string payload(message.payload());
    size_t from = static_cast<size_t>(payload[0] - '0');
    int number = std::stoi(payload.substr(2));
    wrong += number != next_[from];
    next_[from] = number + 1;
    ++count;
    return Delivery::kTaken;
  }
  std::atomic<int> count{0}, wrong{0};

 private:
  int next_[4] = {};  // the receiver's shard only
};

// Must never be called for a subject that it did not ask for.
class Passing final : public Receiver {
 public:
  Delivery deliver(Subscription& sub, const Message& message,
                   std::span<const std::string_view>) override {
    if (sub.closed) return Delivery::kRefused;
    wrong += !message.subject().starts_with("a.");
    return Delivery::kTaken;
  }
  std::atomic<int> wrong{0};
};

class RouterConcurrency : public RouterTest {
 protected:
  static constexpr size_t kShards = 3;
  static constexpr int kMessages = 3000;
  RouterConcurrency() : RouterTest(kShards) {}

  // One step of subscribing and unsubscribing on a shard, in its turn.
  struct Churn {
    std::mt19937 random{1};
    std::vector<Subscription*> subs;
  };
  void churn(size_t shard, Churn& churn, Receiver& receiver) {
    subject::SubjectIndex& index = accounts.global().index();
    if (churn.subs.size() < 8 && churn.random() % 2 == 0) {
      const char* patterns[] = {"a.b", "a.*", "a.>", "a.c"};
      auto* sub =
          Subscription::create(&receiver, static_cast<uint16_t>(shard), Origin::kLocal, "7");
      index.insert(sub, patterns[churn.random() % 4], churn.random() % 2 == 0 ? "" : "q");
      churn.subs.push_back(sub);
    } else if (!churn.subs.empty()) {
      Subscription* sub = churn.subs.back();
      churn.subs.pop_back();
      sub->closed = true;
      index.remove(sub);
      shards_[shard]->retire(sub, &Subscription::destroy);
    }
  }
  // Publishes its next message and churns, again and again, each time in a turn of its own.
  void work(size_t shard, int number, Churn& state, Receiver& passing, std::atomic<int>& working) {
    {
      io::Turn turn(*shards_[shard]);
      publish_here(shard, "a.b", std::to_string(shard) + " " + std::to_string(number));
      churn(shard, state, passing);
      if (number + 1 == kMessages) {
        while (!state.subs.empty()) churn(shard, state, passing);
      }
    }
    if (number + 1 == kMessages) {
      --working;
      return;
    }
    shards_[shard]->post([this, shard, number, &state, &passing, &working] {
      work(shard, number + 1, state, passing, working);
    });
  }
};

TEST_F(RouterConcurrency, StandingSubscriptionsGetEverythingOnceAndInOrder) {
  Ordered standing[kShards];
  for (size_t i = 0; i < kShards; ++i) subscribe(standing[i], i == 0 ? "a.b" : "a.>", {}, i);
  Passing passing;
  Churn states[kShards];
  std::atomic<int> working{kShards};
  for (size_t i = 0; i < kShards; ++i) {
    states[i].random.seed(static_cast<uint32_t>(i) + 1);
    shards_[i]->post([&, i] { work(i, 0, states[i], passing, working); });
  }
  ASSERT_TRUE(eventually([&] { return working == 0; }));
  for (Ordered& one : standing) {
    EXPECT_TRUE(eventually([&] { return one.count == kMessages * int{kShards}; })) << one.count;
    EXPECT_EQ(one.wrong, 0);
  }
  EXPECT_EQ(passing.wrong, 0);
}

// A group with one member that stays: whatever members pass through, no message is lost.
TEST_F(RouterConcurrency, AGroupLosesNothingWhileMembersPass) {
  class Counting final : public Receiver {
   public:
    explicit Counting(std::atomic<int>& count) : count_(count) {}
    Delivery deliver(Subscription& sub, const Message&,
                     std::span<const std::string_view>) override {
      if (sub.closed) return Delivery::kRefused;
      ++count_;
      return Delivery::kTaken;
    }

   private:
    std::atomic<int>& count_;
  };
  std::atomic<int> count{0};
  Counting member(count);
  subscribe(member, "g", "q", 0);
  std::atomic<bool> stop{false};
  std::thread come_and_go([&] {
    for (int i = 0; !stop; ++i) {
      auto* sub =
          Subscription::create(&member, static_cast<uint16_t>(i % 2 + 1), Origin::kLocal, "1");
      on(sub->shard, [&] { accounts.global().index().insert(sub, "g", "q"); });
      on(sub->shard, [&] {
        sub->closed = true;
        accounts.global().index().remove(sub);
        shards_[sub->shard]->retire(sub, &Subscription::destroy);
      });
    }
  });
  for (int i = 0; i < 2000; ++i) publish("g", "x", static_cast<size_t>(i) % kShards);
  stop = true;
  come_and_go.join();
  EXPECT_TRUE(eventually([&] { return count == 2000; })) << count;
}

}  // namespace
}  // namespace natrix::core
