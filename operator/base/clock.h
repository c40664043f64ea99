// Time as the operator's modules see it, so that tests can turn the hands themselves.
//
// Safe from any thread. now() never goes back and is what intervals are measured with; wall() is
// the calendar, only for values that other programs read (Lease times, Events).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace natrix::ops {

using Duration = std::chrono::nanoseconds;
using Time = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::system_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Time now() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
  // As std::condition_variable::wait_until, on this clock: returns when notified, when `deadline`
  // has come (Time::max(): never) or for no reason, with `lock` held again.
  virtual void wait_until(std::condition_variable& condition, std::unique_lock<std::mutex>& lock,
                          Time deadline) = 0;
};

// The machine's clocks; lives as long as the program.
Clock& system_clock();

}  // namespace natrix::ops
