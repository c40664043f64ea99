#include "broker/base/epoch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace natrix {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int> freed;

struct Tracked {
  int id;
};

void free_tracked(void* object) {
  auto* tracked = static_cast<Tracked*>(object);
  freed.push_back(tracked->id);
  delete tracked;
}

class LimboTest : public ::testing::Test {
 protected:
  LimboTest() {
    freed.clear();
    domain.add(&slot);
  }
  ~LimboTest() override { domain.remove(&slot); }
  void retire(int id) { limbo.retire(domain, new Tracked{id}, &free_tracked); }
  void collect() { limbo.free_up_to(domain.safe()); }

  EpochDomain domain;
  EpochSlot slot;
  Limbo limbo;
};

TEST_F(LimboTest, NobodyReadsSoAllGoesInOrder) {
  retire(1);
  retire(2);
  EXPECT_EQ(limbo.size(), 2U);
  collect();
  EXPECT_THAT(freed, ElementsAre(1, 2));
  EXPECT_TRUE(limbo.empty());
}

TEST_F(LimboTest, ALargeObjectIsKnownUntilItIsFreed) {
  retire(1);
  EXPECT_FALSE(limbo.holds_large());
  {
    EpochPin pin(domain, slot);
    limbo.retire_large(domain, new Tracked{2}, &free_tracked);
    collect();
    EXPECT_TRUE(limbo.holds_large());
  }
  collect();
  EXPECT_THAT(freed, ElementsAre(1, 2));
  retire(3);
  EXPECT_FALSE(limbo.holds_large());
}

TEST_F(LimboTest, AReaderHoldsBackWhatWasRetiredAfterItBegan) {
  retire(1);
  {
    EpochPin pin(domain, slot);
    retire(2);
    collect();
    EXPECT_THAT(freed, ElementsAre(1)) << "retired before the reader began: it cannot be seen";
    retire(3);
    collect();
    EXPECT_THAT(freed, ElementsAre(1));
  }
  collect();
  EXPECT_THAT(freed, ElementsAre(1, 2, 3));
}

TEST_F(LimboTest, TheOldestReaderCounts) {
  EpochSlot other;
  domain.add(&other);
  {
    EpochPin old(domain, slot);
    retire(1);
    EpochPin young(domain, other);
    retire(2);
    collect();
    EXPECT_THAT(freed, IsEmpty());
  }
  {
    EpochPin young(domain, other);
    retire(3);
    collect();
    EXPECT_THAT(freed, ElementsAre(1, 2));
  }
  domain.remove(&other);
  collect();
  EXPECT_THAT(freed, ElementsAre(1, 2, 3));
}

TEST_F(LimboTest, ARemovedSlotHoldsNothingBack) {
  EpochSlot other;
  domain.add(&other);
  other.store(domain.current());
  retire(1);
  collect();
  EXPECT_THAT(freed, IsEmpty());
  domain.remove(&other);
  collect();
  EXPECT_THAT(freed, ElementsAre(1));
}

TEST_F(LimboTest, TheEndOfALimboFreesTheRest) {
  {
    Limbo short_lived;
    short_lived.retire(domain, new Tracked{7}, &free_tracked);
    short_lived.retire(domain, new Tracked{8}, &free_tracked);
  }
  EXPECT_THAT(freed, ElementsAre(7, 8));
}

TEST_F(LimboTest, TypedRetireRunsTheDestructor) {
  auto alive = std::make_shared<int>(1);
  limbo.retire(domain, new std::shared_ptr<int>(alive));
  EXPECT_EQ(alive.use_count(), 2);
  collect();
  EXPECT_EQ(alive.use_count(), 1);
}

// Readers follow a pointer that a writer keeps replacing; what they find must be whole. The address
// and thread sanitizers see a read of freed memory or one without order.
TEST(Epoch, ReadersNeverSeeFreedMemory) {
  struct Box {
    uint64_t a, b;
  };
  EpochDomain domain;
  std::atomic<Box*> shared{new Box{1, ~uint64_t{1}}};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> broken{0}, reads{0};
  auto reader = [&] {
    EpochSlot slot;
    domain.add(&slot);
    while (!stop.load(std::memory_order_relaxed)) {
      EpochPin pin(domain, slot);
      for (int i = 0; i < 8; ++i) {
        const Box* box = shared.load(std::memory_order_acquire);
        if (box->a != ~box->b) broken.fetch_add(1);
        reads.fetch_add(1, std::memory_order_relaxed);
      }
    }
    domain.remove(&slot);
  };
  std::thread one(reader), two(reader);
  {
    Limbo limbo;
    for (uint64_t i = 2; i < 20000 || reads.load() < 1000; ++i) {
      Box* old = shared.exchange(new Box{i, ~i}, std::memory_order_acq_rel);
      limbo.retire(domain, old);
      if (i % 16 == 0) limbo.free_up_to(domain.safe());
    }
    stop = true;
    one.join();
    two.join();
  }
  delete shared.load();
  EXPECT_EQ(broken.load(), 0U);
}

}  // namespace
}  // namespace natrix
