#include "broker/core/plan.h"

#include "tests/unit/core/router_fixture.h"

namespace natrix::core {
namespace {

// One shard: the test's calls are its turns.
class PlanTest : public RouterTest {
 protected:
  PlanTest() : RouterTest(1) {}

  struct Seen {
    size_t local, routes, queues;
    bool operator==(const Seen&) const = default;
  };
  Seen look(std::string_view subject) {
    Seen seen{};
    on(0, [&] {
      const Plan& plan = cache.find(accounts.global(), subject);
      seen = {plan.local.size(), plan.routes.size(), plan.queue_count};
    });
    return seen;
  }

  PlanCache cache;
  Inbox inbox, route;
};

TEST_F(PlanTest, HoldsLocalSubscriptionsRoutesAndGroups) {
  subscribe(inbox, "a.b");
  subscribe(inbox, "a.*");
  subscribe(inbox, "a.b", "q1");
  subscribe(inbox, "a.>", "q1");
  subscribe(inbox, "*.b", "q2");
  subscribe(route, "a.b", {}, 0, Origin::kRoute);
  subscribe(route, ">", {}, 0, Origin::kRoute);
  subscribe(route, "a.b", "q1", 0, Origin::kRoute);
  EXPECT_EQ(look("a.b"), (Seen{2, 1, 2}));
  EXPECT_EQ(look("x"), (Seen{0, 1, 0}));
  on(0, [&] {
    const Plan& plan = cache.find(accounts.global(), "a.b");
    for (uint32_t i = 0; i < plan.queue_count; ++i) {
      const QueuePlan& queue = plan.queues[i];
      EXPECT_EQ(queue.local.size(), queue.name == "q1" ? 2U : 1U);
      EXPECT_EQ(queue.remote.size(), queue.name == "q1" ? 1U : 0U);
    }
  });
}

TEST_F(PlanTest, ASubjectIsKeptWhenAskedForTwice) {
  subscribe(inbox, "a");
  look("a");
  EXPECT_EQ(cache.size(), 0U);
  look("a");
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.hits(), 0U);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(look("a"), (Seen{1, 0, 0}));
  EXPECT_EQ(cache.hits(), 10U);
  EXPECT_EQ(cache.lookups(), 12U);
}

TEST_F(PlanTest, WhatChangesTheAnswerEndsAPlan) {
  look("a.b");
  look("a.b");
  std::vector<Subscription*> subs;
  for (const char* pattern : {"a.b", "a.*", "*.b", ">", "a.>"}) {
    subs.push_back(subscribe(inbox, pattern));
    EXPECT_EQ(look("a.b"), (Seen{subs.size(), 0, 0})) << pattern;
    EXPECT_EQ(look("a.b"), (Seen{subs.size(), 0, 0})) << pattern;
  }
  subscribe(inbox, "a.b", "q");
  EXPECT_EQ(look("a.b"), (Seen{5, 0, 1}));
  while (!subs.empty()) {
    unsubscribe(subs.back());
    subs.pop_back();
    EXPECT_EQ(look("a.b"), (Seen{subs.size(), 0, 1}));
  }
}

TEST_F(PlanTest, OtherSubjectsLeaveAPlanAlone) {
  subscribe(inbox, "a.b");
  look("a.b");
  look("a.b");
  subscribe(inbox, "entirely.different");
  subscribe(inbox, "else.*");
  uint64_t hits = cache.hits();
  EXPECT_EQ(look("a.b"), (Seen{1, 0, 0}));
  EXPECT_EQ(cache.hits(), hits + 1);
}

TEST_F(PlanTest, AccountsAreApart) {
  subscribe(inbox, "a");
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(look("a"), (Seen{1, 0, 0}));
    on(0, [&] { EXPECT_TRUE(cache.find(accounts.system(), "a").local.empty()); });
  }
}

TEST_F(PlanTest, IsBounded) {
  subscribe(inbox, ">");
  constexpr uint32_t kMany = PlanCache::kSlots * 3;
  for (int round = 0; round < 2; ++round) {
    on(0, [&] {
      for (uint32_t i = 0; i < kMany; ++i) {
        std::string subject = "s." + std::to_string(i);
        for (int twice = 0; twice < 2; ++twice) {
          ASSERT_EQ(cache.find(accounts.global(), subject).local.size(), 1U);
        }
      }
    });
  }
  EXPECT_LE(cache.size(), PlanCache::kSlots);
  EXPECT_GT(cache.size(), PlanCache::kSlots / 2);
}

TEST_F(PlanTest, SubjectsUsedOnceDoNotDriveOutABusyOne) {
  subscribe(inbox, ">");
  look("busy");
  look("busy");
  on(0, [&] {
    for (int i = 0; i < 50000; ++i) {
      (void)cache.find(accounts.global(), "once." + std::to_string(i));
    }
  });
  EXPECT_LE(cache.size(), 10U);  // but for hashes that happen to be the same
  uint64_t hits = cache.hits();
  look("busy");
  EXPECT_EQ(cache.hits(), hits + 1);
}

TEST_F(PlanTest, MayBeSwitchedOff) {
  cache.disable();
  subscribe(inbox, "a");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(look("a"), (Seen{1, 0, 0}));
  EXPECT_EQ(cache.hits(), 0U);
  EXPECT_EQ(cache.size(), 0U);
}

}  // namespace
}  // namespace natrix::core
