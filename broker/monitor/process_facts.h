// What the kernel says of this process: memory, processor time, descriptors. Linux only (/proc).
#pragma once

#include <chrono>
#include <cstdint>

#include "broker/monitor/source.h"

namespace natrix::monitor {

struct ProcessFacts {
  int64_t resident_bytes = 0;
  int64_t virtual_bytes = 0;
  double cpu_seconds = 0;  // user and system, all threads, since start
  double cpu_percent = 0;  // of one core, over the last whole second of sampling; 0.1 steps
  int cores = 0;           // that the process may use
  int64_t open_fds = 0;
  int64_t max_fds = 0;
  int64_t threads = 0;
  Time start;  // to 10 ms
};

// Used on one thread. cpu_percent needs sample() about once a second; everything else is read when
// asked for. What /proc does not tell (a container without it) stays 0.
class ProcessSampler {
 public:
  using Clock = std::chrono::steady_clock;

  ProcessSampler();

  // Closes the window over which cpu_percent is taken, unless less than half a second has passed.
  void sample(Clock::time_point now = Clock::now());

  [[nodiscard]] ProcessFacts facts() const;

 private:
  Time start_;
  Clock::time_point last_time_;
  double last_cpu_seconds_ = 0;
  double cpu_percent_ = 0;
};

}  // namespace natrix::monitor
