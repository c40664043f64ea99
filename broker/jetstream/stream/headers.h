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
// The block without the lines that `drop` says yes to; empty if nothing is left.
using DropsHeader = bool (*)(std::string_view name);
std::string without_headers(std::string_view block, DropsHeader drop);
// One line of this name in place of those that there are.
std::string with_header(std::string_view block, std::string_view name, std::string_view value);

// A value that was there, though it may be empty.
inline bool is_present(std::string_view value) {
  return value.data() != nullptr;
}
// Digits only, as sequences in headers are written.
std::optional<uint64_t> parse_number(std::string_view text);

enum class Rollup : uint8_t { kNone, kSubject, kAll, kInvalid };

// What of a published message's headers means something to its stream (wire.md 10). Texts are
// empty if the header is absent; where an empty one is a mistake, is_present() tells.
struct PublishHeaders {
  std::string_view msg_id;
  std::string_view expected_stream;
  std::string_view expected_last_msg_id;
  std::optional<uint64_t> expected_last_seq;
  std::optional<uint64_t> expected_last_subject_seq;
  std::string_view expected_last_subject;
  std::string_view ttl;
  Rollup rollup = Rollup::kNone;
  std::string_view increment;  // Nats-Incr
  std::string_view batch_id, batch_seq, batch_commit;
  std::string_view schedule;  // Nats-Schedule and what goes with it
  std::string_view schedule_target, schedule_source, schedule_ttl, schedule_rollup, schedule_zone;
  std::string_view scheduler, schedule_next;
  std::string_view source;          // Nats-Stream-Source
  std::string_view required_level;  // Nats-Required-Api-Level
};
PublishHeaders parse_publish_headers(std::string_view block);

// Nats-TTL: seconds, 0 for none, kNeverExpires.
inline constexpr int64_t kNeverExpires = -1;
model::ApiResult<int64_t> parse_ttl(std::string_view text);

}  // namespace natrix::jetstream::stream
