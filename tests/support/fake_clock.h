// A clock whose hands only move when the test moves them.
//
// advance() wakes the threads whose deadline has come.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "operator/base/clock.h"

namespace natrix::tests {

class FakeClock final : public ops::Clock {
 public:
  [[nodiscard]] ops::Time now() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }
  [[nodiscard]] ops::WallTime wall() const override {
    std::lock_guard lock(mutex_);
    return std::chrono::sys_days(std::chrono::year(2026) / 8 / 1) +
           std::chrono::duration_cast<ops::WallTime::duration>(now_.time_since_epoch());
  }

  void wait_until(std::condition_variable& condition, std::unique_lock<std::mutex>& lock,
                  ops::Time deadline) override {
    uint64_t id = 0;
    {
      std::lock_guard guard(mutex_);
      if (now_ >= deadline) return;
      id = ++last_id_;
      waiters_.push_back({id, &condition, lock.mutex(), deadline});
    }
    changed_.notify_all();
    condition.wait(lock);
    std::lock_guard guard(mutex_);
    std::erase_if(waiters_, [id](const Waiter& waiter) { return waiter.id == id; });
  }

  void advance(ops::Duration by) {
    std::vector<Waiter> due;
    {
      std::lock_guard lock(mutex_);
      now_ += by;
      // Those whose time has come no longer count as asleep, although they have yet to wake.
      auto is_due = [this](const Waiter& waiter) { return waiter.deadline <= now_; };
      std::copy_if(waiters_.begin(), waiters_.end(), std::back_inserter(due), is_due);
      std::erase_if(waiters_, is_due);
    }
    for (const Waiter& waiter : due) {
      // The waiter holds its mutex until it sleeps, so with it in hand no wake-up is lost.
      std::lock_guard lock(*waiter.mutex);
      waiter.condition->notify_all();
    }
  }

  [[nodiscard]] size_t sleepers() const {
    std::lock_guard lock(mutex_);
    return waiters_.size();
  }
  // Waits (in real time) until `count` threads sleep on this clock; false after five seconds.
  bool wait_for_sleepers(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(5),
                             [&] { return waiters_.size() >= count; });
  }

  // The earliest deadline anybody waits for; Time::max() if there is none.
  [[nodiscard]] ops::Time next_deadline() const {
    std::lock_guard lock(mutex_);
    ops::Time earliest = ops::Time::max();
    for (const Waiter& waiter : waiters_) earliest = std::min(earliest, waiter.deadline);
    return earliest;
  }

 private:
  struct Waiter {
    uint64_t id;
    std::condition_variable* condition;
    std::mutex* mutex;
    ops::Time deadline;
  };
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t last_id_ = 0;
  ops::Time now_{std::chrono::hours(1)};
  std::vector<Waiter> waiters_;
};

}  // namespace natrix::tests
