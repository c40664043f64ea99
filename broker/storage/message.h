// Messages as they go into a stream and come out again.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "broker/storage/types.h"

namespace natrix::storage {

// Borrowed: views must live during the call only.
struct NewMessage {
  std::string_view subject;  // a literal
  std::string_view headers;  // the whole block, "NATS/1.0\r\n" to the empty line; empty: none
  std::string_view payload;
  Nanos time = 0;
  // When the message expires by itself (Nats-TTL), 0: not by itself. The store keeps the time and
  // finds what is due (StreamStore::next_expiry); removing is up to the caller.
  Nanos expires = 0;
  // Must be above the last sequence; what lies between becomes a gap. Absent: the next one.
  std::optional<Seq> seq;
};

// A message that was loaded. The views are valid as long as `hold` (or a copy of it) lives, on
// every thread.
struct StoredMessage {
  Seq seq = 0;
  Nanos time = 0;
  Nanos expires = 0;
  std::string_view subject;
  std::string_view headers;
  std::string_view payload;
  std::shared_ptr<const void> hold;
};

// What a message counts against max_bytes and in StreamState::bytes: the same as in nats-server
// (its fileStoreMsgSize and memStoreMsgSize), whatever our own form on disk takes.
constexpr size_t file_message_bytes(size_t subject, size_t headers, size_t payload) {
  return 30 + subject + payload + (headers == 0 ? 0 : 4 + headers);
}
constexpr size_t memory_message_bytes(size_t subject, size_t headers, size_t payload) {
  return 16 + subject + headers + payload;
}

}  // namespace natrix::storage
