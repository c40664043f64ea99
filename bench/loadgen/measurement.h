// What one scenario yields, and the span of time and server CPU it is measured over.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "bench/loadgen/server_process.h"

namespace natrix::bench {

// Starts when made. `units` are what the scenario counts: messages, deliveries, round trips, ...
class Span {
 public:
  explicit Span(const ServerProcess& server);
  // Adds "units", "wall_s", "server_cpu_s", "per_cpu_s" and "per_s" to `result`.
  void finish(uint64_t units, nlohmann::ordered_json& result) const;

 private:
  const ServerProcess& server_;
  std::chrono::steady_clock::time_point wall_;
  std::chrono::nanoseconds cpu_;
};

// Of sorted nanoseconds, in microseconds; 0 if there are none.
double percentile_us(const std::vector<uint32_t>& sorted_ns, double share);

}  // namespace natrix::bench
