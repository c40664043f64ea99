#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <thread>

#include "broker/subject/subject_index.h"

namespace natrix::subject {
namespace {

class SharedListTest : public ::testing::Test {
 protected:
  ~SharedListTest() override {
    for (Subscription* sub : all_) Subscription::destroy(sub);
  }
  Subscription* make() {
    all_.push_back(Subscription::create(nullptr, 0, Origin::kLocal, std::to_string(all_.size())));
    return all_.back();
  }
  Subscription* add() {
    Subscription* sub = make();
    list.add(sub, domain, limbo);
    return sub;
  }
  void remove(Subscription* sub) { list.remove(sub, domain, limbo); }
  [[nodiscard]] std::vector<Subscription*> content() const {
    std::vector<Subscription*> found;
    list.for_each([&](Subscription* sub) { found.push_back(sub); });
    return found;
  }

  EpochDomain domain;
  Limbo limbo;
  SharedList list;

 private:
  std::vector<Subscription*> all_;
};

TEST_F(SharedListTest, KeepsTheOrderOfArrival) {
  EXPECT_TRUE(list.empty());
  std::vector<Subscription*> expected;
  for (int i = 0; i < 100; ++i) expected.push_back(add());
  EXPECT_EQ(content(), expected);
  remove(expected[0]);
  remove(expected[50]);
  remove(expected[99]);
  expected.erase(expected.begin() + 99);
  expected.erase(expected.begin() + 50);
  expected.erase(expected.begin());
  expected.push_back(add());
  EXPECT_EQ(content(), expected);
  EXPECT_EQ(list.size(), expected.size());
}

TEST_F(SharedListTest, AnEmptiedListIsAsNew) {
  Subscription* a = add();
  Subscription* b = add();
  remove(a);
  remove(b);
  EXPECT_TRUE(list.empty());
  EXPECT_TRUE(content().empty());
  Subscription* c = add();
  EXPECT_EQ(content(), std::vector<Subscription*>{c});
}

// A list whose members come and go must not grow for ever. What it holds is seen by what it
// retires: a list that is rewritten now and then is; one that only grows doubles a few times.
TEST_F(SharedListTest, HolesAreReused) {
  std::deque<Subscription*> members;
  for (int i = 0; i < 10; ++i) members.push_back(add());
  uint32_t highest = 0;
  for (int i = 0; i < 5000; ++i) {
    remove(members.front());
    members.pop_front();
    members.push_back(add());
    highest = std::max(highest, members.back()->slot);
    limbo.free_up_to(domain.safe());
  }
  EXPECT_LT(highest, 64U);
  EXPECT_EQ(content().size(), 10U);
}

TEST_F(SharedListTest, RandomAgainstAVector) {
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    std::mt19937 random(seed);
    std::vector<Subscription*> expected;
    for (int step = 0; step < 1500; ++step) {
      if (expected.empty() || random() % 100 < (step < 700 ? 70U : 30U)) {
        expected.push_back(add());
      } else {
        size_t at = random() % expected.size();
        remove(expected[at]);
        expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(at));
      }
      ASSERT_EQ(content(), expected) << "seed " << seed << " step " << step;
    }
    for (Subscription* sub : expected) remove(sub);
  }
}

TEST_F(SharedListTest, ReadersSeeWhatStaysInOrder) {
  std::vector<Subscription*> stay{add(), add(), add()};
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, rounds{0};
  std::thread reader([&] {
    EpochSlot slot;
    domain.add(&slot);
    while (!stop.load(std::memory_order_relaxed)) {
      EpochPin pin(domain, slot);
      size_t at = 0;
      list.for_each([&](Subscription* sub) {
        if (at < stay.size() && sub == stay[at]) ++at;
      });
      wrong += at != stay.size();
      rounds.fetch_add(1, std::memory_order_relaxed);
    }
    domain.remove(&slot);
  });
  std::mt19937 random(3);
  std::vector<Subscription*> others;
  for (int i = 0; i < 10000 || rounds.load() < 200; ++i) {
    if (others.empty() || (others.size() < 40 && random() % 2 == 0)) {
      auto* sub = Subscription::create(nullptr, 0, Origin::kLocal, "x");
      list.add(sub, domain, limbo);
      others.push_back(sub);
    } else {
      size_t at = random() % others.size();
      remove(others[at]);
      limbo.retire(domain, others[at], &Subscription::destroy);
      others[at] = others.back();
      others.pop_back();
    }
    if (i % 32 == 0) limbo.free_up_to(domain.safe());
  }
  stop = true;
  reader.join();
  EXPECT_EQ(wrong.load(), 0);
  for (Subscription* sub : others) {
    remove(sub);
    Subscription::destroy(sub);
  }
}

}  // namespace
}  // namespace natrix::subject
