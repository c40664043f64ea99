// What the server allows (wire.md 22.2, `jetstream { limits {...} }`): part of the rules.
#pragma once

#include <cstdint>

namespace natrix::jetstream::model {

inline constexpr int kServerApiLevel = 5;
inline constexpr size_t kMaxName = 255;
inline constexpr size_t kMaxDescription = 4 * 1024;
inline constexpr size_t kMaxMetadata = 128 * 1024;
inline constexpr size_t kMaxHeaderBytes = 65535;

// 0: the server does not limit.
struct ServerLimits {
  int64_t max_request_batch = 0;
  int64_t max_ack_pending = 0;
  int64_t duplicate_window = 0;  // nanoseconds
};

}  // namespace natrix::jetstream::model
