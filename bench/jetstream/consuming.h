// Scenarios that read streams. Results as in publishing.h.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "bench/loadgen/server_process.h"

namespace natrix::bench {

// Messages that are there already, through a pull consumer, each acknowledged.
nlohmann::ordered_json consume(ServerProcess& server, uint64_t messages);

struct MixedLoad {
  const char* retention = "limits";
  size_t payload_bytes = 128;
};
// Published and, at the same time, consumed and acknowledged. With "workqueue" as retention the
// stream must be empty at the end.
nlohmann::ordered_json publish_and_consume(ServerProcess& server, const MixedLoad& load,
                                           uint64_t messages);

// Several watches of a key-value bucket, one after the other: "units" are values,
// "first_to_last_ms" and "whole_ms" medians of a watch.
nlohmann::ordered_json watch_keys(ServerProcess& server, uint64_t keys);

// Durable pull consumers on one stream, created one after the other: "p50_us" and "p99_us" of
// creating one, "bytes_each" of memory, and "idle_cpu" (CPU seconds per second) with all of them.
nlohmann::ordered_json hold_consumers(ServerProcess& server, uint64_t count);

}  // namespace natrix::bench
