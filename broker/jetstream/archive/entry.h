// The head of an entry of nats-server's own archive form (2.15): behind the magic "NATSARC1" at the
// beginning, every entry is name length, timestamp, sequence, header size, payload size (varints),
// the name, and then header and payload bytes. Fact: nats-server archive/archive.go. Pure
// functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace natrix::jetstream::archive {

inline constexpr std::string_view kNativeMagic = "NATSARC1";

struct EntryHead {
  std::string_view name;
  int64_t time = 0;
  uint64_t seq = 0;
  uint64_t header_size = 0;
  uint64_t payload_size = 0;
};

// The head at the front of `bytes` and its length; nothing: there are not enough bytes yet. Errors:
// malformed, a name over 64 KiB, sizes beyond 63 bits.
Result<std::optional<size_t>> parse_entry(std::string_view bytes, EntryHead& head);

void append_entry(const EntryHead& head, std::string& out);

}  // namespace natrix::jetstream::archive
