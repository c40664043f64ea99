// A rate limit: `rate` tokens a second, at most `burst` saved up. Pure: the caller brings the time.
// Not thread-safe; its owner guards it.
#pragma once

#include <algorithm>

#include "operator/base/clock.h"

namespace natrix::ops {

class TokenBucket {
 public:
  // rate <= 0: no limit.
  TokenBucket(double rate_per_second, double burst, Time now)
      : rate_(rate_per_second), burst_(std::max(burst, 1.0)), tokens_(burst_), filled_at_(now) {}

  // Takes one token, on credit if there is none, and returns how long the caller has to wait before
  // it may act. Callers are thereby served in the order they asked.
  Duration reserve(Time now) {
    if (rate_ <= 0) return Duration(0);
    refill(now);
    tokens_ -= 1.0;
    if (tokens_ >= 0) return Duration(0);
    return Duration(static_cast<Duration::rep>(-tokens_ / rate_ * 1e9));
  }

  // Gives a reserved token back: the caller gave up waiting.
  void refund() { tokens_ = std::min(burst_, tokens_ + 1.0); }

 private:
  void refill(Time now) {
    if (now <= filled_at_) return;
    std::chrono::duration<double> elapsed = now - filled_at_;
    tokens_ = std::min(burst_, tokens_ + elapsed.count() * rate_);
    filled_at_ = now;
  }

  double rate_;
  double burst_;
  double tokens_;
  Time filled_at_;
};

}  // namespace natrix::ops
