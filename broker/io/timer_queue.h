// TimerQueue: any number of one-shot timers of one shard behind a single timer of the event loop.
//
// Used on its shard only. Setting and clearing cost O(log n); a timer that is not set costs only
// its own bytes. Callbacks run in a turn of the shard and may do anything with timers, also destroy
// the one that fired. The queue must outlive its timers.
#pragma once

#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "broker/io/shard.h"

namespace natrix::io {

class TimerQueue;

class Timer {
 public:
  Timer(TimerQueue& queue, std::function<void()> on_due)
      : queue_(queue), on_due_(std::move(on_due)) {}
  ~Timer() { clear(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Fires once at `due`, or as soon as possible if that has passed; replaces what was set before.
  void set(Clock::time_point due);
  void clear();
  [[nodiscard]] bool is_set() const { return due_ != Clock::time_point::max(); }
  [[nodiscard]] Clock::time_point due() const { return due_; }

 private:
  friend class TimerQueue;
  TimerQueue& queue_;
  std::function<void()> on_due_;
  Clock::time_point due_ = Clock::time_point::max();
};

class TimerQueue {
 public:
  explicit TimerQueue(Shard& shard) : shard_(shard), timer_(shard.context()) {}
  // On its shard; the shard's loop may still hold a wake-up that was on its way.
  ~TimerQueue() = default;

 private:
  friend class Timer;
  using Entry = std::pair<Clock::time_point, Timer*>;
  void insert(Timer& timer);
  void remove(Timer& timer);
  void arm();
  void fire();

  Shard& shard_;
  asio::steady_timer timer_;
  Clock::time_point armed_ = Clock::time_point::max();
  std::set<Entry> due_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace natrix::io
