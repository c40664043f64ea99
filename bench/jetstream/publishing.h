// Scenarios that publish into streams and wait for the acknowledgements. All results have the
// fields of Span::finish(), and of what reached disks "disk_bytes" and "disk_per_payload_byte".
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "bench/loadgen/server_process.h"

namespace natrix::bench {

struct PublishLoad {
  const char* storage = "file";
  size_t payload_bytes = 128;
  uint32_t streams = 1;  // written in turn
};

// Many publishes outstanding.
nlohmann::ordered_json publish_async(ServerProcess& server, const PublishLoad& load,
                                     uint64_t messages);
// One after the other: "p50_us" and "p99_us".
nlohmann::ordered_json publish_sync(ServerProcess& server, const PublishLoad& load,
                                    uint64_t messages);
// In turn to a stream with one subject, and to one with 1,024 subjects that keeps a few messages
// each. The fields of Span are those of the second; "share_of_single" is its work per CPU second
// divided by the first one's, "wall_share_of_single" the same of messages per second.
nlohmann::ordered_json publish_subjects(ServerProcess& server, const PublishLoad& load,
                                        uint64_t messages);

}  // namespace natrix::bench
