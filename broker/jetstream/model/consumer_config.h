// ConsumerConfig: what a consumer is told to be (wire.md 9.2). A plain value; durations are
// nanoseconds as in the JSON.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/jetstream/model/time.h"

namespace natrix::jetstream::model {

enum class DeliverPolicy : uint8_t {
  kAll,
  kLast,
  kNew,
  kByStartSequence,
  kByStartTime,
  kLastPerSubject,
};
enum class AckPolicy : uint8_t { kNone, kAll, kExplicit, kFlowControl };
enum class ReplayPolicy : uint8_t { kInstant, kOriginal };
enum class PriorityPolicy : uint8_t { kNone, kOverflow, kPinnedClient, kPrioritized };

inline auto names_of(DeliverPolicy) {
  return std::array{"all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"};
}
inline auto names_of(AckPolicy) {
  return std::array{"none", "all", "explicit", "flow_control"};
}
inline auto names_of(ReplayPolicy) {
  return std::array{"instant", "original"};
}
inline auto names_of(PriorityPolicy) {
  return std::array{"none", "overflow", "pinned_client", "prioritized"};
}

struct ConsumerConfig {
  std::string durable;
  std::string name;
  std::string description;
  DeliverPolicy deliver_policy = DeliverPolicy::kAll;
  uint64_t start_seq = 0;
  std::optional<Time> start_time;
  AckPolicy ack_policy = AckPolicy::kNone;
  int64_t ack_wait = 0;
  int64_t max_deliver = 0;
  std::vector<int64_t> backoff;
  std::string filter_subject;
  std::vector<std::string> filter_subjects;
  ReplayPolicy replay_policy = ReplayPolicy::kInstant;
  uint64_t rate_limit_bps = 0;
  std::string sample_frequency;
  int64_t max_waiting = 0;
  int64_t max_ack_pending = 0;
  bool flow_control = false;
  bool headers_only = false;
  int64_t max_batch = 0;
  int64_t max_expires = 0;
  int64_t max_bytes = 0;
  std::string deliver_subject;
  std::string deliver_group;
  int64_t heartbeat = 0;
  int64_t inactive_threshold = 0;
  int64_t replicas = 0;
  bool memory_storage = false;
  bool direct = false;
  bool sourcing = false;
  std::map<std::string, std::string> metadata;
  std::optional<Time> pause_until;
  std::vector<std::string> priority_groups;
  PriorityPolicy priority_policy = PriorityPolicy::kNone;
  int64_t priority_timeout = 0;

  [[nodiscard]] bool is_push() const { return !deliver_subject.empty(); }
  [[nodiscard]] bool is_durable() const { return !durable.empty(); }
  // All filters; none means everything.
  [[nodiscard]] std::vector<std::string> filters() const {
    if (!filter_subject.empty()) return {filter_subject};
    return filter_subjects;
  }
  bool operator==(const ConsumerConfig&) const = default;
};

}  // namespace natrix::jetstream::model
