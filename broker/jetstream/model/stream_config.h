// StreamConfig: what a stream is told to be (wire.md 9.1). A plain value; limits use -1 for "none"
// after rules have been applied (stream_rules.h), durations are nanoseconds as in the JSON.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/jetstream/model/time.h"

namespace natrix::jetstream::model {

enum class Retention : uint8_t { kLimits, kInterest, kWorkQueue };
enum class Discard : uint8_t { kOld, kNew };
enum class StorageType : uint8_t { kFile, kMemory };
enum class Compression : uint8_t { kNone, kS2 };
enum class PersistMode : uint8_t { kDefault, kAsync };

inline auto names_of(Retention) {
  return std::array{"limits", "interest", "workqueue"};
}
inline auto names_of(Discard) {
  return std::array{"old", "new"};
}
inline auto names_of(StorageType) {
  return std::array{"file", "memory"};
}
inline auto names_of(Compression) {
  return std::array{"none", "s2"};
}
inline auto names_of(PersistMode) {
  return std::array{"default", "async"};
}

struct Placement {
  std::string cluster;
  std::vector<std::string> tags;
  std::string preferred;
  bool operator==(const Placement&) const = default;
};

struct SubjectTransform {
  std::string source;
  std::string destination;
  bool operator==(const SubjectTransform&) const = default;
};

struct Republish {
  std::string source;
  std::string destination;
  bool headers_only = false;
  bool operator==(const Republish&) const = default;
};

struct External {
  std::string api_prefix;
  std::string deliver_prefix;
  bool operator==(const External&) const = default;
};

struct SourceConsumer {
  std::string name;
  std::string deliver_subject;
  bool operator==(const SourceConsumer&) const = default;
};

struct StreamSource {
  std::string name;
  uint64_t start_seq = 0;
  std::optional<Time> start_time;
  std::string filter_subject;
  std::vector<SubjectTransform> transforms;
  std::optional<External> external;
  std::optional<SourceConsumer> consumer;
  bool operator==(const StreamSource&) const = default;
};

struct ConsumerLimits {
  int64_t inactive_threshold = 0;
  int64_t max_ack_pending = 0;
  bool operator==(const ConsumerLimits&) const = default;
};

struct StreamConfig {
  std::string name;
  std::string description;
  std::vector<std::string> subjects;
  Retention retention = Retention::kLimits;
  int64_t max_consumers = 0;
  int64_t max_msgs = 0;
  int64_t max_bytes = 0;
  int64_t max_age = 0;
  int64_t max_msgs_per_subject = 0;
  int32_t max_msg_size = 0;
  Discard discard = Discard::kOld;
  StorageType storage = StorageType::kFile;
  int64_t replicas = 0;
  bool no_ack = false;
  int64_t duplicate_window = 0;
  std::optional<Placement> placement;
  std::optional<StreamSource> mirror;
  std::vector<StreamSource> sources;
  Compression compression = Compression::kNone;
  uint64_t first_seq = 0;
  std::optional<SubjectTransform> subject_transform;
  std::optional<Republish> republish;
  bool allow_direct = false;
  bool mirror_direct = false;
  bool discard_new_per_subject = false;
  bool sealed = false;
  bool deny_delete = false;
  bool deny_purge = false;
  bool allow_rollup = false;
  ConsumerLimits consumer_limits;
  bool allow_msg_ttl = false;
  int64_t subject_delete_marker_ttl = 0;
  bool allow_msg_counter = false;
  bool allow_atomic = false;
  bool allow_msg_schedules = false;
  PersistMode persist_mode = PersistMode::kDefault;
  bool allow_batched = false;
  std::map<std::string, std::string> metadata;

  bool operator==(const StreamConfig&) const = default;
};

}  // namespace natrix::jetstream::model
