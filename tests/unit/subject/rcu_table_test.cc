#include "broker/subject/rcu_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace natrix::subject {
namespace {

struct Node {
  Node(std::string text, uint32_t hash_value) : hash(hash_value), name(std::move(text)) {}
  [[nodiscard]] std::string_view key() const { return name; }
  uint32_t hash;
  std::string name;
};

class RcuTableTest : public ::testing::Test {
 protected:
  std::unique_ptr<Node> add(std::string name, uint32_t hash) {
    auto node = std::make_unique<Node>(std::move(name), hash);
    table.insert(node.get(), domain, limbo);
    return node;
  }
  void erase(Node& node) { table.erase(&node, domain, limbo); }
  [[nodiscard]] Node* find(const Node& node) const { return table.find(node.hash, node.name); }

  EpochDomain domain;
  Limbo limbo;
  RcuTable<Node> table;
};

TEST_F(RcuTableTest, EmptyFindsNothing) {
  EXPECT_EQ(table.find(0, "a"), nullptr);
  EXPECT_EQ(table.size(), 0U);
  table.for_each([](Node*) { FAIL(); });
}

TEST_F(RcuTableTest, FindsByHashAndKey) {
  auto a = add("a", 1), b = add("b", 1), c = add("c", 0xFFFFFFFF);
  EXPECT_EQ(table.find(1, "a"), a.get());
  EXPECT_EQ(table.find(1, "b"), b.get());
  EXPECT_EQ(table.find(0xFFFFFFFF, "c"), c.get());
  EXPECT_EQ(table.find(1, "c"), nullptr);
  EXPECT_EQ(table.find(2, "a"), nullptr);
  EXPECT_EQ(table.size(), 3U);
}

// All in one run of slots that wraps around the end: the worst case of linear probing.
TEST_F(RcuTableTest, CollisionsSurviveRemovalInAnyOrder) {
  std::vector<int> order{0, 1, 2, 3, 4, 5};
  do {
    std::vector<std::unique_ptr<Node>> nodes;
    for (int i = 0; i < 6; ++i) nodes.push_back(add(std::to_string(i), 7));
    std::set<int> left(order.begin(), order.end());
    for (int gone : order) {
      erase(*nodes[static_cast<size_t>(gone)]);
      left.erase(gone);
      for (int i = 0; i < 6; ++i) {
        Node* expected = left.contains(i) ? nodes[static_cast<size_t>(i)].get() : nullptr;
        ASSERT_EQ(table.find(7, std::to_string(i)), expected) << "without " << gone;
      }
    }
    ASSERT_EQ(table.size(), 0U);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(RcuTableTest, AnEmptiedTableGivesItsMemoryBack) {
  auto a = add("a", 1);
  erase(*a);
  EXPECT_EQ(limbo.size(), 1U) << "the slots wait for the readers";
  EXPECT_EQ(find(*a), nullptr);
  auto b = add("b", 2);
  EXPECT_EQ(find(*b), b.get());
}

// Insert and remove for ever at one size: tombstones must neither fill the table nor make it grow
// without end (find() ends at an empty slot, so a table full of tombstones would hang it).
TEST_F(RcuTableTest, ChurnAtConstantSize) {
  std::mt19937 random(1);
  std::vector<std::unique_ptr<Node>> nodes;
  for (int i = 0; i < 100; ++i) nodes.push_back(add("n" + std::to_string(i), random()));
  for (int i = 100; i < 20000; ++i) {
    auto& victim = nodes[random() % nodes.size()];
    erase(*victim);
    victim = add("n" + std::to_string(i), random());
    if (i % 64 == 0) limbo.free_up_to(domain.safe());
  }
  EXPECT_EQ(table.size(), 100U);
  for (auto& node : nodes) EXPECT_EQ(find(*node), node.get());
  EXPECT_EQ(table.find(42, "absent"), nullptr);
}

TEST_F(RcuTableTest, RandomAgainstASet) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    uint32_t hashes = 1U << (random() % 12);  // from many collisions to few
    RcuTable<Node> mine;
    std::vector<std::unique_ptr<Node>> present;
    for (int step = 0; step < 2000; ++step) {
      bool grow = random() % 5 < (step % 1000 < 600 ? 4U : 1U);
      if (grow || present.empty()) {
        present.push_back(std::make_unique<Node>("k" + std::to_string(step), random() % hashes));
        mine.insert(present.back().get(), domain, limbo);
      } else {
        size_t at = random() % present.size();
        mine.erase(present[at].get(), domain, limbo);
        std::swap(present[at], present.back());
        present.pop_back();
      }
      ASSERT_EQ(mine.size(), present.size());
      if (step % 50 != 0) continue;
      std::set<Node*> seen;
      mine.for_each([&](Node* node) { ASSERT_TRUE(seen.insert(node).second); });
      ASSERT_EQ(seen.size(), present.size()) << "seed " << seed;
      for (auto& node : present) ASSERT_EQ(mine.find(node->hash, node->name), node.get());
    }
  }
}

// Nodes that stay must be found at every moment, whatever comes and goes around them.
TEST_F(RcuTableTest, ReadersFindWhatStays) {
  std::vector<std::unique_ptr<Node>> stay;
  for (uint32_t i = 0; i < 8; ++i) stay.push_back(add("stay" + std::to_string(i), i % 3));
  std::atomic<bool> stop{false};
  std::atomic<int> missing{0}, rounds{0};
  auto reader = [&] {
    EpochSlot slot;
    domain.add(&slot);
    while (!stop.load(std::memory_order_relaxed)) {
      EpochPin pin(domain, slot);
      for (auto& node : stay) missing += find(*node) != node.get();
      table.for_each([&](Node* node) { missing += node->key().empty(); });
      rounds.fetch_add(1, std::memory_order_relaxed);
    }
    domain.remove(&slot);
  };
  std::thread one(reader), two(reader);
  std::vector<Node*> others;
  std::mt19937 random(5);
  for (int i = 0; i < 20000 || rounds.load() < 200; ++i) {
    if (others.empty() || (others.size() < 60 && random() % 2 == 0)) {
      auto* node = new Node("other" + std::to_string(i), random() % 5);
      table.insert(node, domain, limbo);
      others.push_back(node);
    } else {
      size_t at = random() % others.size();
      table.erase(others[at], domain, limbo);
      limbo.retire(domain, others[at]);
      others[at] = others.back();
      others.pop_back();
    }
    if (i % 32 == 0) limbo.free_up_to(domain.safe());
  }
  stop = true;
  one.join();
  two.join();
  EXPECT_EQ(missing.load(), 0);
  for (Node* node : others) delete node;
}

}  // namespace
}  // namespace natrix::subject
