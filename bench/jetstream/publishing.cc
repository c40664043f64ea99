#include "bench/jetstream/publishing.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "bench/jetstream/acked_publisher.h"
#include "bench/jetstream/api.h"
#include "bench/jetstream/storage_span.h"

namespace natrix::bench {

namespace {

using nlohmann::ordered_json;

constexpr uint64_t kTurns = 8;
constexpr uint32_t kSubjects = 1'024;
constexpr int kKeptOfSubject = 10;

AckedPlan plan_of(const PublishLoad& load) {
  AckedPlan plan;
  plan.payload_bytes = load.payload_bytes;
  plan.streams = load.streams;
  plan.subjects.numbered = load.streams > 1;
  return plan;
}

void create_streams(ServerProcess& server, const AckedPlan& plan, const char* storage) {
  Api api(server.port());
  for (uint32_t i = 0; i < plan.streams; ++i) {
    api.create_stream({{"name", stream_name(plan, i)},
                       {"subjects", {plan.subjects.subject(i)}},
                       {"storage", storage}});
  }
}

// Work per CPU second and per second of several turns.
struct Total {
  double units = 0;
  double cpu = 0;
  double wall = 0;

  void add(const ordered_json& turn) {
    units += turn["units"].get<double>();
    cpu += turn["server_cpu_s"].get<double>();
    wall += turn["wall_s"].get<double>();
  }
};

ordered_json measured_turn(ServerProcess& server, AckedPublisher& publisher, uint64_t messages) {
  ordered_json turn;
  Span span(server);
  publisher.run(messages);
  span.finish(messages, turn);
  return turn;
}

}  // namespace

ordered_json publish_async(ServerProcess& server, const PublishLoad& load, uint64_t messages) {
  ordered_json result = {{"unit", "messages"}};
  AckedPlan plan = plan_of(load);
  create_streams(server, plan, load.storage);
  AckedPublisher publisher(server.port(), plan);
  publisher.run(std::max<uint64_t>(plan.streams, messages / 8));
  settle();
  StorageSpan span(server);
  publisher.run(messages);
  span.finish(messages, load.payload_bytes, result);
  return result;
}

ordered_json publish_sync(ServerProcess& server, const PublishLoad& load, uint64_t messages) {
  ordered_json result = {{"unit", "messages"}};
  AckedPlan plan = plan_of(load);
  create_streams(server, plan, load.storage);
  AckedPublisher publisher(server.port(), plan);
  publisher.run_one_by_one(std::max<uint64_t>(1, messages / 8));
  settle();
  StorageSpan span(server);
  std::vector<uint32_t> nanoseconds = publisher.run_one_by_one(messages);
  span.finish(messages, load.payload_bytes, result);
  result["p50_us"] = percentile_us(nanoseconds, 0.50);
  result["p99_us"] = percentile_us(nanoseconds, 0.99);
  return result;
}

ordered_json publish_subjects(ServerProcess& server, const PublishLoad& load, uint64_t messages) {
  AckedPlan single_plan = plan_of(load);
  create_streams(server, single_plan, load.storage);
  AckedPlan many_plan = plan_of(load);
  many_plan.stream = "MANY";
  many_plan.subjects = {"bench.many", true};
  many_plan.subject_count = kSubjects;
  many_plan.at_random = true;
  Api(server.port())
      .create_stream({{"name", many_plan.stream},
                      {"subjects", {"bench.many.*"}},
                      {"storage", load.storage},
                      {"max_msgs_per_subject", kKeptOfSubject}});
  AckedPublisher single(server.port(), single_plan);
  AckedPublisher many(server.port(), many_plan);
  // Until every subject is full, so that each message counted also removes one.
  many.run(std::max<uint64_t>(messages / 8, 2ULL * kKeptOfSubject * kSubjects));
  single.run(std::max<uint64_t>(1, messages / 8));
  settle();
  Total of_single;
  Total of_many;
  for (uint64_t turn = 0; turn < kTurns; ++turn) {
    uint64_t part = std::max<uint64_t>(1, messages / kTurns);
    of_single.add(measured_turn(server, single, part));
    of_many.add(measured_turn(server, many, part));
  }
  ordered_json result = {{"unit", "messages"},
                         {"units", of_many.units},
                         {"wall_s", of_many.wall},
                         {"server_cpu_s", of_many.cpu},
                         {"per_cpu_s", of_many.units / of_many.cpu},
                         {"per_s", of_many.units / of_many.wall}};
  result["share_of_single"] = of_single.cpu / of_many.cpu;
  result["wall_share_of_single"] = of_single.wall / of_many.wall;
  return result;
}

}  // namespace natrix::bench
