// Usage: how much of memory and disk the streams of one account take and may take. Written by the
// streams on their shards, read from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace natrix::jetstream::stream {

struct Usage {
  std::atomic<int64_t> memory_bytes{0};
  std::atomic<int64_t> file_bytes{0};
  std::atomic<int64_t> messages{0};
  std::atomic<int64_t> consumers{0};
  // Limits of the server, -1: none. Fixed once streams exist.
  int64_t max_memory = -1;
  int64_t max_file = -1;
};

}  // namespace natrix::jetstream::stream
