// Bodies of API requests (wire.md 8, 11.3, 12). Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/jetstream/model/consumer_config.h"
#include "broker/jetstream/model/stream_config.h"

namespace natrix::jetstream::model {

struct StreamRequest {  // create and update
  StreamConfig config;
  bool pedantic = false;
};

enum class ConsumerAction : uint8_t { kCreateOrUpdate, kCreate, kUpdate };
inline auto names_of(ConsumerAction) {
  return std::array{"", "create", "update"};
}

struct ConsumerRequest {
  std::string stream;
  ConsumerConfig config;
  ConsumerAction action = ConsumerAction::kCreateOrUpdate;
  bool pedantic = false;
};

struct StreamInfoRequest {
  int64_t offset = 0;
  bool deleted_details = false;
  std::string subjects_filter;
};

struct ListRequest {
  int64_t offset = 0;
  std::string subject;
};

struct PurgeRequest {
  uint64_t seq = 0;
  std::string filter;
  uint64_t keep = 0;
};

struct MessageDeleteRequest {
  uint64_t seq = 0;
  bool no_erase = false;
};

// MSG.GET and DIRECT.GET.
struct MessageGetRequest {
  uint64_t seq = 0;
  std::string last_by_subject;
  std::string next_by_subject;
  int64_t batch = 0;
  int64_t max_bytes = 0;
  std::optional<Time> start_time;
  std::vector<std::string> multi_last;
  uint64_t up_to_seq = 0;
  std::optional<Time> up_to_time;
  bool no_headers = false;
};

struct PauseRequest {
  Time pause_until;
};

struct ResetRequest {
  uint64_t seq = 0;
};

struct PullRequest {
  int64_t expires = 0;
  int64_t batch = 0;
  int64_t max_bytes = 0;
  bool no_wait = false;
  int64_t heartbeat = 0;
  std::string group;
  int64_t min_pending = 0;
  int64_t min_ack_pending = 0;
  std::string pin_id;
  int64_t priority = 0;
  bool plain = false;  // no JSON: says nothing of groups
};

struct UnpinRequest {
  std::string group;
};

}  // namespace natrix::jetstream::model
