#include "bench/jetstream/consuming.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench/jetstream/acked_publisher.h"
#include "bench/jetstream/api.h"
#include "bench/jetstream/key_watcher.h"
#include "bench/jetstream/pull_consumer.h"
#include "bench/jetstream/storage_span.h"

namespace natrix::bench {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr int kWatches = 5;
constexpr uint64_t kWarmConsumers = 10;
constexpr uint64_t kFewMessages = 1'000;
constexpr auto kIdle = std::chrono::seconds(3);

void create(ServerProcess& server, const AckedPlan& plan, const json& more) {
  json config = {{"name", plan.stream}, {"subjects", {plan.subjects.name}}};
  config.update(more);
  Api(server.port()).create_stream(config);
}

void create_pull(ServerProcess& server, const PullPlan& plan) {
  Api(server.port())
      .create_consumer(
          plan.stream,
          {{"durable_name", plan.consumer}, {"ack_policy", "explicit"}, {"deliver_policy", "all"}});
}

// Every acknowledgement must have reached the consumer.
void check_consumed(ServerProcess& server, const PullPlan& plan, uint64_t messages) {
  json info = Api(server.port()).consumer_info(plan.stream, plan.consumer);
  if (info["num_ack_pending"] != 0 || info["num_redelivered"] != 0 ||
      info["ack_floor"]["stream_seq"] != messages) {
    throw std::runtime_error(fmt::format("{} messages are acknowledged, but the consumer says {}",
                                         messages, info.dump()));
  }
}

// Both at once, each on a thread of its own; returns when both are through.
void run_both(AckedPublisher& publisher, PullConsumer& consumer, uint64_t messages) {
  std::exception_ptr error;
  std::thread consuming([&] {
    try {
      consumer.run(messages);
    } catch (...) {
      error = std::current_exception();
    }
  });
  std::exception_ptr publish_error;
  try {
    publisher.run(messages);
  } catch (...) {
    publish_error = std::current_exception();
  }
  consuming.join();
  if (publish_error || error) {
    std::rethrow_exception(publish_error ? publish_error : error);
  }
}

double milliseconds(std::chrono::nanoseconds span) {
  return std::chrono::duration<double, std::milli>(span).count();
}

double median_ms(std::vector<std::chrono::nanoseconds> spans) {
  std::sort(spans.begin(), spans.end());
  return milliseconds(spans[spans.size() / 2]);
}

}  // namespace

ordered_json consume(ServerProcess& server, uint64_t messages) {
  ordered_json result = {{"unit", "messages"}};
  AckedPlan plan;
  PullPlan pull;
  create(server, plan, json::object());
  uint64_t warm_up = std::max<uint64_t>(1, messages / 8);
  AckedPublisher(server.port(), plan).run(messages + warm_up);
  create_pull(server, pull);
  PullConsumer consumer(server.port(), pull);
  consumer.run(warm_up);
  settle();
  StorageSpan span(server);
  consumer.run(messages);
  span.finish(messages, pull.payload_bytes, result);
  check_consumed(server, pull, messages + warm_up);
  return result;
}

ordered_json publish_and_consume(ServerProcess& server, const MixedLoad& load, uint64_t messages) {
  ordered_json result = {{"unit", "messages"}};
  AckedPlan plan;
  plan.payload_bytes = load.payload_bytes;
  PullPlan pull;
  pull.payload_bytes = load.payload_bytes;
  create(server, plan, {{"retention", load.retention}});
  create_pull(server, pull);
  AckedPublisher publisher(server.port(), plan);
  PullConsumer consumer(server.port(), pull);
  uint64_t warm_up = std::max<uint64_t>(1, messages / 8);
  run_both(publisher, consumer, warm_up);
  settle();
  StorageSpan span(server);
  run_both(publisher, consumer, messages);
  span.finish(messages, load.payload_bytes, result);
  check_consumed(server, pull, messages + warm_up);
  if (load.retention == std::string_view("workqueue") &&
      Api(server.port()).stream_state(plan.stream)["messages"] != 0) {
    throw std::runtime_error("the work queue still holds messages that were acknowledged");
  }
  return result;
}

ordered_json watch_keys(ServerProcess& server, uint64_t keys) {
  ordered_json result = {{"unit", "values"}};
  AckedPlan plan;
  WatchPlan watch;
  plan.stream = watch.stream;
  plan.subjects = {"$KV.BENCH", true};
  plan.subject_count = static_cast<uint32_t>(keys);
  Api(server.port())
      .create_stream({{"name", watch.stream},
                      {"subjects", {watch.subjects}},
                      {"max_msgs_per_subject", 1},
                      {"discard", "new"},
                      {"allow_rollup_hdrs", true},
                      {"deny_delete", true},
                      {"allow_direct", true}});
  AckedPublisher(server.port(), plan).run(keys);
  KeyWatcher watcher(server.port(), watch);
  watcher.run(keys);
  settle();
  std::vector<std::chrono::nanoseconds> whole;
  std::vector<std::chrono::nanoseconds> first_to_last;
  StorageSpan span(server);
  for (int i = 0; i < kWatches; ++i) {
    WatchTimes times = watcher.run(keys);
    whole.push_back(times.whole);
    first_to_last.push_back(times.first_to_last);
  }
  span.finish(keys * kWatches, watch.payload_bytes, result);
  result["whole_ms"] = median_ms(whole);
  result["first_to_last_ms"] = median_ms(first_to_last);
  return result;
}

ordered_json hold_consumers(ServerProcess& server, uint64_t count) {
  ordered_json result = {{"unit", "consumers"}};
  AckedPlan plan;
  // nats-server allows 1,000 where the stream says nothing.
  create(server, plan, {{"max_consumers", count + kWarmConsumers}});
  AckedPublisher(server.port(), plan).run(kFewMessages);
  Api api(server.port());
  std::vector<uint32_t> nanoseconds;
  auto make = [&](uint64_t number) {
    auto started = Clock::now();
    api.create_consumer(plan.stream, {{"durable_name", fmt::format("c{}", kFirstNumber + number)},
                                      {"ack_policy", "explicit"}});
    auto taken = std::chrono::nanoseconds(Clock::now() - started).count();
    nanoseconds.push_back(static_cast<uint32_t>(std::clamp<int64_t>(taken, 1, UINT32_MAX)));
  };
  uint64_t made = 0;
  for (; made < kWarmConsumers; ++made) {
    make(made);
  }
  settle();
  nanoseconds.clear();
  uint64_t before = server.resident_bytes();
  StorageSpan span(server);
  for (uint64_t i = 0; i < count; ++i) {
    make(made++);
  }
  span.finish(count, 1, result);
  std::sort(nanoseconds.begin(), nanoseconds.end());
  result["p50_us"] = percentile_us(nanoseconds, 0.50);
  result["p99_us"] = percentile_us(nanoseconds, 0.99);
  std::this_thread::sleep_for(kIdle);
  uint64_t after = server.resident_bytes();
  result["bytes_each"] =
      static_cast<double>(after - std::min(after, before)) / static_cast<double>(count);
  auto cpu = server.cpu_time();
  std::this_thread::sleep_for(kIdle);
  result["idle_cpu"] = milliseconds(server.cpu_time() - cpu) / milliseconds(kIdle);
  return result;
}

}  // namespace natrix::bench
