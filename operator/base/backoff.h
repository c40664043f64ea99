// How long to wait before trying again. Pure: randomness and time come from the caller.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>

#include "operator/base/clock.h"

namespace natrix::ops {

// A number in [0, 1); safe from any thread.
using RandomSource = std::function<double()>;
RandomSource default_random();

struct BackoffPolicy {
  Duration initial = std::chrono::milliseconds(100);
  Duration max = std::chrono::seconds(30);
  double factor = 2.0;
  // The delay is spread over [1 - jitter, 1 + jitter] so that many clients do not return together.
  double jitter = 0.2;

  // After the `failures`-th failure in a row (1: the first). Never above max * (1 + jitter).
  [[nodiscard]] Duration delay(int failures, double random) const {
    double exponent = std::clamp(failures - 1, 0, 62);
    double base = std::min(static_cast<double>(initial.count()) * std::pow(factor, exponent),
                           static_cast<double>(max.count()));
    double spread = 1.0 + jitter * (2.0 * random - 1.0);
    return Duration(static_cast<Duration::rep>(base * spread));
  }
};

}  // namespace natrix::ops
