#include "broker/io/timer_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "tests/support/socket_peer.h"

namespace natrix::io {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using tests::eventually;

class TimerQueueTest : public ::testing::Test {
 protected:
  TimerQueueTest() {
    shard.start();
    on([this] { queue = std::make_unique<TimerQueue>(shard); });
  }
  ~TimerQueueTest() override {
    on([this] { queue.reset(); });
    shard.stop();
  }
  void on(const std::function<void()>& f) {
    std::promise<void> done;
    shard.post([&] {
      f();
      done.set_value();
    });
    done.get_future().wait();
  }
  bool comes_true(const std::function<bool()>& condition) {
    return eventually([&] {
      bool holds = false;
      on([&] { holds = condition(); });
      return holds;
    });
  }

  EpochDomain epochs;
  Shard shard{0, epochs};
  std::unique_ptr<TimerQueue> queue;
};

TEST_F(TimerQueueTest, FiresInOrderOfTimeAndOnceEach) {
  std::vector<int> fired;
  std::vector<std::unique_ptr<Timer>> timers;
  on([&] {
    auto now = Clock::now();
    for (int i : {3, 1, 2}) {
      timers.push_back(std::make_unique<Timer>(*queue, [&fired, i] {
        EXPECT_NE(Shard::current(), nullptr);
        fired.push_back(i);
      }));
      timers.back()->set(now + milliseconds(5 * i));
      EXPECT_TRUE(timers.back()->is_set());
    }
  });
  EXPECT_TRUE(comes_true([&] { return fired.size() == 3; }));
  on([&] {
    EXPECT_THAT(fired, ElementsAre(1, 2, 3));
    EXPECT_FALSE(timers[0]->is_set());
    timers.clear();
  });
}

TEST_F(TimerQueueTest, SettingReplacesAndClearingForgets) {
  int moved = 0, cleared = 0, after = 0;
  std::unique_ptr<Timer> one, two, three;
  on([&] {
    one = std::make_unique<Timer>(*queue, [&] { ++moved; });
    two = std::make_unique<Timer>(*queue, [&] { ++cleared; });
    three = std::make_unique<Timer>(*queue, [&] { ++after; });
    one->set(Clock::now() + std::chrono::hours(1));
    one->set(Clock::now() + milliseconds(1));
    two->set(Clock::now() + milliseconds(1));
    two->clear();
    three->set(Clock::now() + milliseconds(10));
  });
  EXPECT_TRUE(comes_true([&] { return after == 1; }));
  on([&] {
    EXPECT_EQ(moved, 1);
    EXPECT_EQ(cleared, 0);
    one.reset();
    two.reset();
    three.reset();
  });
}

TEST_F(TimerQueueTest, ACallbackMaySetItselfAgainAndOthersStillFire) {
  int again = 0, other = 0;
  std::unique_ptr<Timer> busy, patient;
  on([&] {
    busy = std::make_unique<Timer>(*queue, [&] {
      ++again;
      busy->set(Clock::now());  // due at once
    });
    patient = std::make_unique<Timer>(*queue, [&] { ++other; });
    busy->set(Clock::now());
    patient->set(Clock::now() + milliseconds(3));
  });
  EXPECT_TRUE(comes_true([&] { return other == 1 && again > 3; }));
  on([&] {
    busy.reset();
    patient.reset();
  });
}

TEST_F(TimerQueueTest, ACallbackMayDestroyItsTimer) {
  bool fired = false;
  std::unique_ptr<Timer> timer;
  on([&] {
    timer = std::make_unique<Timer>(*queue, [&, text = std::string(100, 'x')] {
      timer.reset();
      fired = text.size() == 100;  // the callback itself outlives the timer
    });
    timer->set(Clock::now());
  });
  EXPECT_TRUE(comes_true([&] { return fired; }));
}

}  // namespace
}  // namespace natrix::io
