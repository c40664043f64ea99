#include "bench/operator/scenarios.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "bench/operator/fleet.h"
#include "bench/operator/process.h"

namespace natrix::bench {

namespace {

using namespace std::chrono_literals;

constexpr double kMegabyte = 1e6;
// Time for what an operator does after its start or after a burst of events.
constexpr auto kSettle = 3s;
constexpr auto kFormation = 20min;
constexpr auto kResync = 20s;
constexpr auto kBetweenEvents = 150ms;
// The defaults protect an API server from a runaway; here they would be what is measured.
const std::vector<std::string> kNoLimit = {"--api-qps", "0", "--log-level", "warn"};

std::vector<std::string> with(std::vector<std::string> base, std::vector<std::string> more) {
  base.insert(base.end(), more.begin(), more.end());
  return base;
}

double megabytes(uint64_t bytes) {
  return static_cast<double>(bytes) / kMegabyte;
}

double milliseconds(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

double quantile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<size_t>(last * part + 0.5)];
}

void wait_formed(Fleet& fleet, int count) {
  const auto deadline = Clock::now() + kFormation;
  while (fleet.ready_clusters() < count) {
    if (Clock::now() > deadline) throw std::runtime_error("the clusters do not become Ready");
    std::this_thread::sleep_for(500ms);
  }
}

// Until nothing has been written for a while.
void wait_quiet(Fleet& fleet) {
  uint64_t seen = 0;
  do {
    seen = fleet.writes();
    std::this_thread::sleep_for(kSettle);
  } while (fleet.writes() != seen);
}

Clock::duration latency_of_a_change(Fleet& fleet, int cluster, std::chrono::milliseconds patience) {
  fleet.expect_write(cluster);
  const auto changed = fleet.change_cluster(cluster);
  const auto written = fleet.wait_for_write(patience);
  if (!written) throw std::runtime_error(fmt::format("a change of cluster {} is ignored", cluster));
  return std::max<Clock::duration>(*written - changed, 0ns);
}

std::vector<Figure> measure_latency(Fleet& fleet, const Setting& setting) {
  std::vector<double> latencies;
  for (int i = 0; i < setting.events; ++i) {
    const int cluster = (i * 7919) % setting.clusters;
    latencies.push_back(milliseconds(latency_of_a_change(fleet, cluster, 10s)));
    std::this_thread::sleep_for(kBetweenEvents);
  }
  return {{"event to first write, median", quantile(latencies, 0.5), "ms"},
          {"event to first write, p99", quantile(latencies, 0.99), "ms", 50}};
}

// All clusters get their periodic pass; the rest of the time the operator is idle.
std::vector<Figure> measure_resync(Fleet& fleet, const Setting& setting) {
  const std::string period = std::to_string(std::chrono::seconds(kResync).count());
  OperatorProcess one(setting.program, setting.kubeconfig, "resync",
                      with(kNoLimit, {"--resync", period}));
  one.wait_ready();
  const auto passes = [&one] { return one.metric("natrix_operator_reconcile_total"); };
  while (passes() < setting.clusters) std::this_thread::sleep_for(200ms);
  wait_quiet(fleet);
  fleet.count_writes();
  const double begin = passes();
  const auto cpu = one.cpu_time();
  std::this_thread::sleep_for(2 * kResync);
  const double done = passes() - begin;
  const double spent = seconds(one.cpu_time() - cpu);
  if (done < setting.clusters) throw std::runtime_error("there was no resync");
  std::vector<Figure> out = {
      {fmt::format("resync of {} unchanged clusters, CPU", setting.clusters),
       spent / done * setting.clusters, "s", 2},
      {"resync, writes", static_cast<double>(fleet.writes()), "", 0.5},
      {fmt::format("resident, {} clusters of 3", setting.clusters), megabytes(one.resident_bytes()),
       "MB", 64},
      {"resident, peak since the start", megabytes(one.peak_resident_bytes()), "MB"}};
  one.end();
  return out;
}

// From the end of the leader to the first write of the one that stood by.
double failover(Fleet& fleet, const Setting& setting, int number, int cluster) {
  const auto flags = with(kNoLimit, {"--leader-elect"});
  OperatorProcess leader(setting.program, setting.kubeconfig, "a", flags);
  leader.wait_ready();
  while (leader.metric("natrix_operator_leader") != 1) std::this_thread::sleep_for(100ms);
  OperatorProcess standby(setting.program, setting.kubeconfig, "b", flags);
  standby.wait_ready();
  std::this_thread::sleep_for(2 * kSettle);
  const auto begin = Clock::now();
  leader.signal(number);
  leader.wait_ended();
  latency_of_a_change(fleet, cluster, 60s);
  const double took = milliseconds(Clock::now() - begin) / 1000;
  standby.end();
  return took;
}

std::vector<Figure> measure_failovers(Fleet& fleet, const Setting& setting) {
  double killed = 0;
  double stopped = 0;
  for (int i = 0; i < setting.failovers; ++i) {
    killed = std::max(killed, failover(fleet, setting, SIGKILL, i));
    stopped = std::max(stopped, failover(fleet, setting, SIGTERM, i));
  }
  return {
      {fmt::format("fail-over after kill -9, worst of {}", setting.failovers), killed, "s", 20},
      {fmt::format("fail-over after SIGTERM, worst of {}", setting.failovers), stopped, "s", 1}};
}

}  // namespace

std::vector<Figure> measure_idle(const Setting& setting) {
  Fleet fleet(setting.kubeconfig);
  OperatorProcess one(setting.program, setting.kubeconfig, "idle", kNoLimit);
  one.wait_ready();
  std::this_thread::sleep_for(kSettle);
  const uint64_t before = one.resident_bytes();
  std::vector<Figure> out = {
      {"resident, idle", megabytes(before), "MB", 15},
      {"of that private (not shared with files)", megabytes(one.private_bytes()), "MB"},
      {"resident, idle, peak of the start", megabytes(one.peak_resident_bytes()), "MB"}};
  fleet.create_foreign(setting.foreign);
  std::this_thread::sleep_for(kSettle);
  const auto growth = static_cast<int64_t>(one.resident_bytes()) - static_cast<int64_t>(before);
  out.push_back({fmt::format("growth by {} foreign Secrets and Pods", setting.foreign),
                 static_cast<double>(growth) / kMegabyte, "MB", 1});
  one.end();
  OperatorProcess again(setting.program, setting.kubeconfig, "idle", kNoLimit);
  again.wait_ready();
  std::this_thread::sleep_for(kSettle);
  const auto started = static_cast<int64_t>(again.resident_bytes()) - static_cast<int64_t>(before);
  out.push_back({"the same for an operator started among them",
                 static_cast<double>(started) / kMegabyte, "MB", 1});
  again.end();
  return out;
}

std::vector<Figure> measure_fleet(const Setting& setting) {
  Fleet fleet(setting.kubeconfig);
  OperatorProcess one(setting.program, setting.kubeconfig, "fleet", kNoLimit);
  one.wait_ready();
  const auto begin = Clock::now();
  const auto cpu = one.cpu_time();
  fleet.create_clusters(setting.clusters);
  wait_formed(fleet, setting.clusters);
  std::vector<Figure> out = {{fmt::format("{} clusters created and Ready", setting.clusters),
                              seconds(Clock::now() - begin), "s"},
                             {"of the operator's CPU", seconds(one.cpu_time() - cpu), "s"},
                             {"writes", static_cast<double>(fleet.writes()), ""}};
  wait_quiet(fleet);
  out.push_back({fmt::format("resident after {} clusters came", setting.clusters),
                 megabytes(one.resident_bytes()), "MB", 64});
  for (auto& figure : measure_latency(fleet, setting)) out.push_back(std::move(figure));
  one.end();
  for (auto& figure : measure_resync(fleet, setting)) out.push_back(std::move(figure));
  for (auto& figure : measure_failovers(fleet, setting)) out.push_back(std::move(figure));
  return out;
}

}  // namespace natrix::bench
