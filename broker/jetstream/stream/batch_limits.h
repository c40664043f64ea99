// Limits of batches that are being published (wire.md 10; `jetstream { limits { batch {...} } }`),
// and how many there are on the server.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace natrix::jetstream::stream {

struct BatchLimits {
  size_t messages = 1000;         // of an atomic batch
  int64_t idle = 10'000'000'000;  // nanoseconds without a message after which one is dropped
  size_t atomic_per_stream = 50;
  size_t atomic_total = 1000;  // per server
  size_t fast_per_stream = 1000;
  size_t fast_total = 50'000;
  // Of our own: what atomic batches may hold in memory.
  size_t batch_bytes = 64u << 20;
  size_t total_bytes = 256u << 20;  // per server
};

inline constexpr size_t kMaxBatchId = 64;

// Batches that are open; safe from any thread.
struct OpenBatches {
  std::atomic<size_t> atomic{0};
  std::atomic<size_t> atomic_bytes{0};
  std::atomic<size_t> fast{0};
};

}  // namespace natrix::jetstream::stream
