// A record of nats-server's message blocks (files `msgs/<n>.blk`), to the byte.
//
//   total_len(4) sequence(8) timestamp(8) subject_len(2) subject [headers_len(4) headers] payload
//   checksum(8)
//
// in little endian. The highest bit of total_len says that there are headers. In the sequence the
// highest bit marks an erased (or never stored) message, the next one a tombstone: that message was
// deleted. The checksum is HighwayHash with 64 bits over sequence, timestamp, subject, headers and
// payload; the key is the SHA-256 of "<stream>-<block>". Fact: nats-server filestore.go
// (writeMsgRecordLocked, msgFromBufEx). Pure; one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace natrix::jetstream::archive {

// nats-server takes longer records for damage.
inline constexpr size_t kMaxRecordBytes = size_t{32} << 20;
inline constexpr size_t kMinRecordBytes = 22 + 8;

struct Record {
  enum class Kind : uint8_t { kMessage, kErased, kTombstone };
  Kind kind = Kind::kMessage;
  uint64_t seq = 0;
  int64_t time = 0;
  std::string_view subject;
  std::string_view headers;
  std::string_view payload;
  uint64_t checksum = 0;
};

class RecordCodec {
 public:
  RecordCodec(std::string_view stream, uint64_t block);

  // The record at the front of `bytes`, its views pointing into them, and its length; nothing:
  // there are not enough bytes yet. Errors: lengths that contradict each other, longer than
  // `max_bytes`, a wrong checksum.
  Result<std::optional<size_t>> parse(std::string_view bytes, size_t max_bytes,
                                      Record& record) const;

  // Appends the record; its checksum is computed. The subject is shorter than 64 KiB.
  void append(const Record& record, std::string& out) const;

  // What append() adds.
  static size_t size(const Record& record);

 private:
  std::array<uint8_t, 32> key_;
};

}  // namespace natrix::jetstream::archive
