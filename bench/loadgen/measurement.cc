#include "bench/loadgen/measurement.h"

#include <algorithm>

namespace natrix::bench {

namespace {

double seconds(std::chrono::nanoseconds span) {
  return std::chrono::duration<double>(span).count();
}

}  // namespace

Span::Span(const ServerProcess& server)
    : server_(server), wall_(std::chrono::steady_clock::now()), cpu_(server.cpu_time()) {}

void Span::finish(uint64_t units, nlohmann::ordered_json& result) const {
  double wall = seconds(std::chrono::steady_clock::now() - wall_);
  double cpu = seconds(server_.cpu_time() - cpu_);
  auto count = static_cast<double>(units);
  result["units"] = units;
  result["wall_s"] = wall;
  result["server_cpu_s"] = cpu;
  result["per_cpu_s"] = count / std::max(cpu, 1e-9);
  result["per_s"] = count / std::max(wall, 1e-9);
}

double percentile_us(const std::vector<uint32_t>& sorted_ns, double share) {
  if (sorted_ns.empty()) {
    return 0;
  }
  auto index = static_cast<size_t>(share * static_cast<double>(sorted_ns.size() - 1));
  return sorted_ns[index] / 1000.0;
}

}  // namespace natrix::bench
