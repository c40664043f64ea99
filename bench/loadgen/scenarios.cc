#include "bench/loadgen/scenarios.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "bench/loadgen/measurement.h"
#include "bench/loadgen/population.h"
#include "bench/loadgen/request_reply.h"
#include "bench/loadgen/stream.h"

namespace natrix::bench {

namespace {

using nlohmann::ordered_json;

// Background work of the phase before (garbage collection, freed buffers) must not be counted.
constexpr auto kSettle = std::chrono::milliseconds(200);

uint64_t scaled(uint64_t count, double scale) {
  return std::max<uint64_t>(1, static_cast<uint64_t>(static_cast<double>(count) * scale));
}

ordered_json run_stream(ServerProcess& server, const StreamPlan& plan, uint64_t messages) {
  ordered_json result = {{"unit", plan.receivers == 0 ? "messages" : "deliveries"}};
  Stream stream(server.port(), plan);
  stream.run(std::max<uint64_t>(1, messages / 8));
  std::this_thread::sleep_for(kSettle);
  Span span(server);
  stream.run(messages);
  span.finish(messages * plan.publishers * stream.deliveries_per_message(), result);
  return result;
}

ordered_json run_requests(ServerProcess& server, uint32_t requesters, uint64_t requests) {
  ordered_json result = {{"unit", "round trips"}};
  RequestReply load(server.port(), requesters);
  load.run(std::max<uint64_t>(1, requests / 8));
  std::this_thread::sleep_for(kSettle);
  Span span(server);
  RoundTrips trips = load.run(requests);
  span.finish(trips.count, result);
  result["p50_us"] = trips.p50_us;
  result["p99_us"] = trips.p99_us;
  return result;
}

Scenario stream(std::string name, std::string what, StreamPlan plan, uint64_t messages) {
  return {std::move(name), std::move(what), [plan, messages](ServerProcess& server, double scale) {
            return run_stream(server, plan, scaled(messages, scale));
          }};
}

Scenario requests(std::string name, std::string what, uint32_t requesters, uint64_t count) {
  return {std::move(name), std::move(what),
          [requesters, count](ServerProcess& server, double scale) {
            return run_requests(server, requesters, scaled(count, scale));
          }};
}

using PopulationRun = ordered_json (*)(ServerProcess&, uint64_t);
Scenario population(std::string name, std::string what, PopulationRun run, uint64_t count) {
  return {std::move(name), std::move(what), [run, count](ServerProcess& server, double scale) {
            return run(server, scaled(count, scale));
          }};
}

}  // namespace

const std::vector<Scenario>& core_scenarios() {
  static const std::vector<Scenario> scenarios = {
      stream("pub-16", "publish only, 16 B", {.receivers = 0}, 6'000'000),
      stream("1to1-16", "1:1, 16 B", {}, 4'000'000),
      stream("1to1-128", "1:1, 128 B", {.payload_bytes = 128}, 2'500'000),
      stream("1to1-1k", "1:1, 1 KB", {.payload_bytes = 1024}, 800'000),
      stream("1to1-16k", "1:1, 16 KB", {.payload_bytes = 16 * 1024}, 80'000),
      stream("fanout-8", "fan-out 1:8, 128 B", {.receivers = 8, .payload_bytes = 128}, 600'000),
      stream("fanout-64", "fan-out 1:64, 16 B", {.receivers = 64}, 120'000),
      stream("fanin-8", "fan-in 8:1, 128 B", {.publishers = 8, .payload_bytes = 128}, 300'000),
      stream("pairs-8", "8 pairs, 128 B",
             {.publishers = 8, .receivers = 8, .payload_bytes = 128, .pairs = true}, 300'000),
      requests("request-1", "request/reply, 1 requester", 1, 40'000),
      requests("request-32", "request/reply, 32 requesters", 32, 5'000),
      stream("subjects-1", "random subject of 1", {.subjects = 1}, 2'000'000),
      stream("subjects-10k", "random subject of 10,000", {.subjects = 10'000}, 1'000'000),
      stream("subjects-100k", "random subject of 100,000", {.subjects = 100'000}, 1'000'000),
      stream("subjects-1m", "random subject of 1,000,000", {.subjects = 1'000'000}, 1'000'000),
      population("wildcards-add", "add 100,000 wildcard subscriptions", add_wildcards, 100'000),
      population("wildcards-remove", "remove 100,000 wildcard subscriptions", remove_wildcards,
                 100'000),
      population("connect", "connect, PING, disconnect", connect_and_leave, 4'000),
      population("idle-connections", "idle connections", idle_connections, 4'000),
      population("used-connections", "idle connections that exchanged 1 KB before",
                 used_connections, 4'000),
      population("subscriptions", "literal subscriptions held", hold_subscriptions, 1'000'000),
  };
  return scenarios;
}

}  // namespace natrix::bench
