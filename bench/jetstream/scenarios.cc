#include "bench/jetstream/scenarios.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "bench/jetstream/consuming.h"
#include "bench/jetstream/publishing.h"

namespace natrix::bench {

namespace {

using nlohmann::ordered_json;
using Run = std::function<ordered_json(ServerProcess&, uint64_t)>;

Scenario scenario(std::string name, std::string what, uint64_t count, Run run) {
  return {.name = std::move(name),
          .what = std::move(what),
          .run =
              [run = std::move(run), count](ServerProcess& server, double scale) {
                auto scaled = static_cast<uint64_t>(static_cast<double>(count) * scale);
                return run(server, std::max<uint64_t>(1, scaled));
              },
          .needs_store = true};
}

using PublishRun = ordered_json (*)(ServerProcess&, const PublishLoad&, uint64_t);
Run publish(PublishRun run, PublishLoad load) {
  return [run, load](ServerProcess& server, uint64_t count) { return run(server, load, count); };
}

Run mixed(MixedLoad load) {
  return [load](ServerProcess& server, uint64_t count) {
    return publish_and_consume(server, load, count);
  };
}

}  // namespace

const std::vector<Scenario>& jetstream_scenarios() {
  static const std::vector<Scenario> scenarios = {
      scenario("js-async-128", "async publish, file, 128 B", 600'000, publish(publish_async, {})),
      scenario("js-async-1k", "async publish, file, 1 KB", 300'000,
               publish(publish_async, {.payload_bytes = 1024})),
      scenario("js-memory", "async publish, memory, 128 B", 600'000,
               publish(publish_async, {.storage = "memory"})),
      scenario("js-sync-128", "sync publish, file, 128 B", 10'000, publish(publish_sync, {})),
      scenario("js-subjects-1024", "async publish, 1,024 limited subjects, 128 B", 200'000,
               publish(publish_subjects, {})),
      scenario("js-streams-1000", "async publish, 1,000 streams in turn, 128 B", 100'000,
               publish(publish_async, {.streams = 1'000})),
      scenario("js-pull", "pull consume, explicit acks, file, 128 B", 300'000, consume),
      scenario("js-mixed", "publish and consume mixed, file, 128 B", 200'000, mixed({})),
      scenario("js-workqueue", "work queue: publish, consume, ack, 1 KB", 100'000,
               mixed({.retention = "workqueue", .payload_bytes = 1024})),
      scenario("js-workqueue-128", "work queue: publish, consume, ack, 128 B", 150'000,
               mixed({.retention = "workqueue"})),
      scenario("js-kv-watch", "KV watch of 100,000 keys, 128 B", 100'000, watch_keys),
      scenario("js-consumers", "100,000 durable consumers on a stream", 100'000, hold_consumers),
  };
  return scenarios;
}

}  // namespace natrix::bench
