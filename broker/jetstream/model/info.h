// What the API tells about streams, consumers and accounts (wire.md 9). Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/jetstream/model/consumer_config.h"
#include "broker/jetstream/model/stream_config.h"

namespace natrix::jetstream::model {

struct StreamState {
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t first_seq = 0;
  Time first_time;
  uint64_t last_seq = 0;
  Time last_time;
  uint64_t subject_count = 0;
  std::map<std::string, uint64_t> subjects;
  uint64_t deleted_count = 0;
  std::vector<uint64_t> deleted;
  int64_t consumers = 0;
};

struct StreamInfo {
  StreamConfig config;
  Time created;
  StreamState state;
  std::string domain;
  Time timestamp;
};

struct SequenceInfo {
  uint64_t consumer_seq = 0;
  uint64_t stream_seq = 0;
  std::optional<Time> last_active;
};

struct PriorityGroupState {
  std::string group;
  std::string pin_id;
  Time pinned;
};

struct ConsumerInfo {
  std::string stream;
  std::string name;
  Time created;
  std::optional<ConsumerConfig> config;
  SequenceInfo delivered;
  SequenceInfo ack_floor;
  int64_t ack_pending = 0;
  int64_t redelivered = 0;
  int64_t waiting = 0;
  uint64_t pending = 0;
  bool push_bound = false;
  bool paused = false;
  int64_t pause_remaining = 0;
  Time timestamp;
  std::vector<PriorityGroupState> priority_groups;
};

struct AccountLimits {
  int64_t max_memory = -1;
  int64_t max_storage = -1;
  int64_t max_streams = -1;
  int64_t max_consumers = -1;
  int64_t max_ack_pending = -1;
  int64_t memory_max_stream_bytes = -1;
  int64_t storage_max_stream_bytes = -1;
  bool max_bytes_required = false;
};

struct ApiStats {
  int64_t level = 0;
  uint64_t total = 0;
  uint64_t errors = 0;
};

struct AccountInfo {
  uint64_t memory = 0;
  uint64_t storage = 0;
  uint64_t reserved_memory = 0;
  uint64_t reserved_storage = 0;
  int64_t streams = 0;
  int64_t consumers = 0;
  AccountLimits limits;
  std::string domain;
  ApiStats api;
};

}  // namespace natrix::jetstream::model
