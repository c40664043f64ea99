#include "operator/queue/work_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "tests/support/fake_clock.h"

namespace natrix::queue {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const Key kA{"shop", "a"};
const Key kB{"shop", "b"};

class WorkQueueTest : public testing::Test {
 protected:
  WorkQueueTest() {
    options_.backoff = {.initial = 100ms, .max = 1s, .factor = 2, .jitter = 0};
    options_.retries_per_second = 0;
    open();
  }
  void open() { queue_ = std::make_unique<WorkQueue>(options_, clock_); }
  // Everything that can be taken at once without waiting.
  std::vector<std::string> take_ready() {
    std::vector<std::string> names;
    while (true) {
      // With a key in line take() cannot block; it also moves up what has become due.
      queue_->add(kEnd);
      Key key = *queue_->take();
      queue_->done(key);
      if (key != kEnd) names.push_back(key.name);
      if (key == kEnd && queue_->stats().ready == 0) return names;
    }
  }
  const Key kEnd{"", "end"};
  tests::FakeClock clock_;
  QueueOptions options_;
  std::unique_ptr<WorkQueue> queue_;
};

TEST_F(WorkQueueTest, KeysComeInOrderAndOnlyOnce) {
  queue_->add(kB);
  queue_->add(kA);
  queue_->add(kB);
  EXPECT_EQ(queue_->stats().ready, 2u);
  EXPECT_THAT(take_ready(), ElementsAre("b", "a"));
}

TEST_F(WorkQueueTest, AddedWhileRunningRunsOnceMoreAfterwards) {
  queue_->add(kA);
  ASSERT_EQ(queue_->take(), kA);
  queue_->add(kA);
  queue_->add(kA);
  EXPECT_EQ(queue_->stats().ready, 0u) << "not while it runs";
  queue_->done(kA);
  EXPECT_THAT(take_ready(), ElementsAre("a"));
}

TEST_F(WorkQueueTest, DelayedKeysAppearWhenDue) {
  queue_->add_after(kA, 10s);
  queue_->add_after(kB, 5s);
  EXPECT_THAT(take_ready(), ElementsAre());
  clock_.advance(5s);
  EXPECT_THAT(take_ready(), ElementsAre("b"));
  clock_.advance(5s);
  EXPECT_THAT(take_ready(), ElementsAre("a"));
}

TEST_F(WorkQueueTest, EarliestDelayCounts) {
  queue_->add_after(kA, 10s);
  queue_->add_after(kA, 3s);
  queue_->add_after(kA, 20s);
  EXPECT_EQ(queue_->stats().delayed, 1u);
  clock_.advance(3s);
  EXPECT_THAT(take_ready(), ElementsAre("a"));
  clock_.advance(1h);
  EXPECT_THAT(take_ready(), ElementsAre());
}

TEST_F(WorkQueueTest, APassEndsEarlierDelaysButKeepsItsOwn) {
  queue_->add_after(kA, 10s);
  queue_->add(kA);
  ASSERT_EQ(queue_->take(), kA);
  EXPECT_EQ(queue_->stats().delayed, 0u);
  queue_->add_after(kA, 30s);
  queue_->done(kA);
  clock_.advance(10s);
  EXPECT_THAT(take_ready(), ElementsAre());
  clock_.advance(20s);
  EXPECT_THAT(take_ready(), ElementsAre("a"));
}

TEST_F(WorkQueueTest, DelayThatComesDueWhileRunningWaitsForDone) {
  queue_->add(kA);
  ASSERT_EQ(queue_->take(), kA);
  queue_->add_after(kA, 1s);
  clock_.advance(1s);
  EXPECT_THAT(take_ready(), ElementsAre());
  queue_->done(kA);
  EXPECT_THAT(take_ready(), ElementsAre("a"));
}

TEST_F(WorkQueueTest, RetriesBackOffPerKeyUntilForgotten) {
  auto delay_of_next_retry = [&](const Key& key) {
    queue_->retry(key);
    ops::Duration waited{0};
    while (true) {
      if (!take_ready().empty()) return waited;
      clock_.advance(50ms);
      waited += 50ms;
    }
  };
  EXPECT_EQ(delay_of_next_retry(kA), 100ms);
  EXPECT_EQ(delay_of_next_retry(kA), 200ms);
  EXPECT_EQ(delay_of_next_retry(kB), 100ms) << "each key by itself";
  EXPECT_EQ(delay_of_next_retry(kA), 400ms);
  EXPECT_EQ(delay_of_next_retry(kA), 800ms);
  EXPECT_EQ(delay_of_next_retry(kA), 1s);
  EXPECT_EQ(delay_of_next_retry(kA), 1s);
  queue_->forget(kA);
  EXPECT_EQ(delay_of_next_retry(kA), 100ms);
}

TEST_F(WorkQueueTest, ARetryWaitsAsLongAsTheServerAskedFor) {
  queue_->retry(kA, 30s);
  clock_.advance(29s);
  EXPECT_THAT(take_ready(), ElementsAre());
  clock_.advance(1s);
  EXPECT_THAT(take_ready(), ElementsAre("a"));
}

TEST_F(WorkQueueTest, EventsDoNotWaitForTheBackoff) {
  for (int i = 0; i < 10; ++i) queue_->retry(kA);
  queue_->add(kA);
  EXPECT_THAT(take_ready(), ElementsAre("a"));
}

TEST_F(WorkQueueTest, AllRetriesTogetherAreLimited) {
  options_.backoff.initial = 0ms;
  options_.retries_per_second = 10;
  options_.retry_burst = 2;
  open();
  for (int i = 0; i < 5; ++i) queue_->retry({"", std::to_string(i)});
  EXPECT_THAT(take_ready(), ElementsAre("0", "1"));
  clock_.advance(100ms);
  EXPECT_THAT(take_ready(), ElementsAre("2"));
  clock_.advance(200ms);
  EXPECT_THAT(take_ready(), ElementsAre("3", "4"));
}

TEST_F(WorkQueueTest, TellsHowLongAKeyWaited) {
  std::vector<ops::Duration> waits;
  options_.on_take = [&](ops::Duration waited) { waits.push_back(waited); };
  open();
  queue_->add(kA);
  clock_.advance(2s);
  queue_->add_after(kB, 1s);
  clock_.advance(4s);
  ASSERT_EQ(queue_->take(), kA);
  ASSERT_EQ(queue_->take(), kB);
  EXPECT_THAT(waits, ElementsAre(6s, 3s));
}

TEST_F(WorkQueueTest, WaitingWorkersWakeForEventsDelaysAndShutdown) {
  std::optional<Key> first, second, third = kA;
  std::thread worker([&] {
    first = queue_->take();
    queue_->done(*first);
    second = queue_->take();
    queue_->done(*second);
    third = queue_->take();
  });
  ASSERT_TRUE(clock_.wait_for_sleepers(1));
  queue_->add(kA);
  ASSERT_TRUE(clock_.wait_for_sleepers(1));
  queue_->add_after(kB, 1s);
  while (clock_.next_deadline() == ops::Time::max()) std::this_thread::yield();
  clock_.advance(1s);
  ASSERT_TRUE(clock_.wait_for_sleepers(1));
  queue_->shut_down();
  worker.join();
  EXPECT_EQ(first, kA);
  EXPECT_EQ(second, kB);
  EXPECT_EQ(third, std::nullopt);
  queue_->add(kA);
  EXPECT_EQ(queue_->take(), std::nullopt);
}

// Random events and failures with real threads: no key runs twice at once, none is lost.
TEST_F(WorkQueueTest, ManyWorkersNeverShareAKeyAndLoseNone) {
  options_.backoff = {.initial = 1ms, .max = 2ms, .factor = 2, .jitter = 0.5};
  WorkQueue queue(options_, ops::system_clock());
  constexpr int kKeys = 20;
  std::array<std::atomic<int>, kKeys> running{}, wanted{}, seen{};
  std::atomic<bool> overlap{false};
  std::vector<std::thread> workers;
  for (int w = 0; w < 4; ++w) {
    workers.emplace_back([&, w] {
      std::mt19937 random(static_cast<unsigned>(w));
      while (auto key = queue.take()) {
        auto i = static_cast<size_t>(std::stoi(key->name));
        if (running[i]++ != 0) overlap = true;
        int goal = wanted[i];
        if (random() % 4 == 0) {
          queue.retry(*key);
        } else {
          seen[i] = goal;
          queue.forget(*key);
        }
        --running[i];
        queue.done(*key);
      }
    });
  }
  std::mt19937 random(42);
  for (int i = 0; i < 5000; ++i) {
    size_t k = random() % kKeys;
    ++wanted[k];
    queue.add({"", std::to_string(k)});
  }
  auto all_seen = [&] {
    for (size_t k = 0; k < kKeys; ++k) {
      if (seen[k] != wanted[k]) return false;
    }
    return true;
  };
  for (int i = 0; i < 1000 && !all_seen(); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(all_seen());
  EXPECT_FALSE(overlap);
  queue.shut_down();
  for (std::thread& worker : workers) worker.join();
}

}  // namespace
}  // namespace natrix::queue
