#include "broker/client/subscription_set.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

namespace natrix::client {
namespace {

using subject::Origin;
using subject::Subscription;
using Owned = std::unique_ptr<Subscription, void (*)(void*)>;

Owned make(std::string_view sid) {
  return {Subscription::create(nullptr, 0, Origin::kLocal, sid), &Subscription::destroy};
}

std::set<std::string> listed(const SubscriptionSet& set) {
  std::set<std::string> sids;
  for (const Subscription* sub : set) EXPECT_TRUE(sids.emplace(sub->sid()).second);
  return sids;
}

TEST(SubscriptionSet, EmptyFindsNothing) {
  SubscriptionSet set;
  EXPECT_FALSE(set.contains("1"));
  EXPECT_EQ(set.begin(), set.end());
}

TEST(SubscriptionSet, FindsBySid) {
  SubscriptionSet set;
  Owned one = make("1");
  Owned word = make("a-long-sid-as-some-clients-choose-them");
  set.insert(one.get());
  set.insert(word.get());
  EXPECT_EQ(set.find("1"), one.get());
  EXPECT_EQ(set.find("a-long-sid-as-some-clients-choose-them"), word.get());
  EXPECT_EQ(set.find("2"), nullptr);
  set.erase(one.get());
  EXPECT_EQ(set.find("1"), nullptr);
  EXPECT_EQ(set.size(), 1U);
}

TEST(SubscriptionSet, ClearForgetsAll) {
  SubscriptionSet set;
  Owned one = make("1");
  set.insert(one.get());
  set.clear();
  EXPECT_EQ(set.size(), 0U);
  EXPECT_FALSE(set.contains("1"));
  set.insert(one.get());
  EXPECT_TRUE(set.contains("1"));
}

// Random changes against a map: growing, shrinking, runs of full slots that wrap around the end.
TEST(SubscriptionSet, BehavesAsAMap) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    SubscriptionSet set;
    std::map<std::string, Owned> model;
    size_t limit = 1 + random() % 2000;
    for (int step = 0; step < 6000; ++step) {
      bool growing = (step / 1500) % 2 == 0;
      std::string sid = std::to_string(random() % limit);
      auto found = model.find(sid);
      ASSERT_EQ(set.find(sid), found == model.end() ? nullptr : found->second.get()) << seed;
      if (found == model.end() && (growing || random() % 4 == 0)) {
        found = model.emplace(sid, make(sid)).first;
        set.insert(found->second.get());
      } else if (found != model.end() && (!growing || random() % 4 == 0)) {
        set.erase(found->second.get());
        model.erase(found);
      }
      ASSERT_EQ(set.size(), model.size());
    }
    std::set<std::string> expected;
    for (const auto& [sid, sub] : model) expected.insert(sid);
    EXPECT_EQ(listed(set), expected);
    while (!model.empty()) {
      set.erase(model.begin()->second.get());
      model.erase(model.begin());
    }
    EXPECT_EQ(listed(set), std::set<std::string>{});
  }
}

}  // namespace
}  // namespace natrix::client
