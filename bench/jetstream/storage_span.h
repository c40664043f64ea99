// A Span that also counts what the server has written to disks.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/loadgen/measurement.h"

namespace natrix::bench {

// Background work of the phase before must not be counted.
inline void settle() {
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

class StorageSpan {
 public:
  explicit StorageSpan(const ServerProcess& server)
      : server_(server), disk_bytes_(server.disk_bytes()), span_(server) {}

  // As Span::finish(), and "disk_bytes" and "disk_per_payload_byte".
  void finish(uint64_t units, size_t payload_bytes, nlohmann::ordered_json& result) const {
    span_.finish(units, result);
    uint64_t disk_bytes = server_.disk_bytes() - disk_bytes_;
    result["disk_bytes"] = disk_bytes;
    result["disk_per_payload_byte"] =
        static_cast<double>(disk_bytes) / static_cast<double>(units * payload_bytes);
  }

 private:
  const ServerProcess& server_;
  uint64_t disk_bytes_;
  Span span_;
};

}  // namespace natrix::bench
