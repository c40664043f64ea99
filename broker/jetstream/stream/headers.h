// Header blocks of messages: reading what a stream cares about, adding lines. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/jetstream/model/api_error.h"

namespace natrix::jetstream::stream {

// The value of the first line with exactly this name; nothing if there is none.
std::optional<std::string_view> find_header(std::string_view block, std::string_view name);
// Adds a line; an empty block becomes one.
void add_header(std::string& block, std::string_view name, std::string_view value);
// The block without the lines of this name; empty if nothing is left.
std::string without_header(std::string_view block, std::string_view name);

enum class Rollup : uint8_t { kNone, kSubject, kAll, kInvalid };

// What of a published message's headers means something to its stream (wire.md 10).
struct PublishHeaders {
  std::string_view msg_id;
  std::string_view expected_stream;
  std::string_view expected_last_msg_id;
  std::optional<uint64_t> expected_last_seq;
  std::optional<uint64_t> expected_last_subject_seq;
  std::string_view expected_last_subject;
  std::string_view ttl;
  Rollup rollup = Rollup::kNone;
  bool counts = false;    // Nats-Incr
  bool batch = false;     // Nats-Batch-Id
  bool schedule = false;  // Nats-Schedule
  bool source = false;    // Nats-Stream-Source
};
PublishHeaders parse_publish_headers(std::string_view block);

// Nats-TTL: seconds, 0 for none, kNeverExpires.
inline constexpr int64_t kNeverExpires = -1;
model::ApiResult<int64_t> parse_ttl(std::string_view text);

}  // namespace natrix::jetstream::stream
