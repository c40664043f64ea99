#include "broker/io/timer_queue.h"

namespace natrix::io {

void Timer::set(Clock::time_point due) {
  if (due == due_) return;
  clear();
  due_ = due;
  queue_.insert(*this);
}

void Timer::clear() {
  if (!is_set()) return;
  queue_.remove(*this);
  due_ = Clock::time_point::max();
}

void TimerQueue::insert(Timer& timer) {
  due_.emplace(timer.due_, &timer);
  arm();
}

void TimerQueue::remove(Timer& timer) {
  due_.erase({timer.due_, &timer});
}

// The loop's timer is only ever moved forward: when it fires too early nothing is due, which costs
// less than setting it anew with every timer that is cleared.
void TimerQueue::arm() {
  if (due_.empty() || due_.begin()->first >= armed_) return;
  armed_ = due_.begin()->first;
  timer_.expires_at(armed_);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const std::error_code& error) {
    if (error || alive.expired()) return;
    auto hold = shard_.run();
    fire();
  });
}

void TimerQueue::fire() {
  Turn turn(shard_);
  armed_ = Clock::time_point::max();
  // A callback that sets a timer which is due again must not keep the loop here for ever.
  size_t most = due_.size();
  Clock::time_point now = Clock::now();
  for (; most > 0 && !due_.empty() && due_.begin()->first <= now; --most) {
    Timer* timer = due_.begin()->second;
    due_.erase(due_.begin());
    timer->due_ = Clock::time_point::max();
    // The callback may destroy the timer and itself with it.
    std::function<void()> on_due = timer->on_due_;
    on_due();
  }
  arm();
}

}  // namespace natrix::io
