// Records: the pieces of the log (docs/storage-format.md, "Records"). Pure functions over bytes,
// little-endian.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/storage/message.h"
#include "broker/storage/stream_store.h"
#include "broker/storage/types.h"

namespace natrix::storage {

enum class RecordType : uint8_t {
  kMessage = 1,
  kRemove = 2,    // messages are removed, by sequence
  kCompact = 3,   // all below
  kTruncate = 4,  // all above; sequences come again
  kSkip = 5,      // the last sequence is raised
  kPosition = 6,  // absolute: first and last sequence, time of the last message
  kStream = 7,    // a stream exists: account, name, configuration
  kStreamRemoved = 8,
  kConsumer = 9,  // absolute: a consumer's name, configuration and state
  kConsumerChanges = 10,
  kConsumerRemoved = 11,
  kGone = 12,    // removed messages of one archived segment
  kErase = 13,   // the bytes of a removed message are about to be overwritten
  kErased = 14,  // what they are overwritten with
};

inline constexpr size_t kRecordHeaderBytes = 20;
inline constexpr size_t kMessageHeaderBytes = kRecordHeaderBytes + 20;
inline constexpr uint8_t kRecordExpires = 1;
// Larger ones are not written and, read, are damage.
inline constexpr uint32_t kRecordBytesMax = 256u << 20;

struct Record {
  RecordType type = RecordType::kMessage;
  uint8_t flags = 0;
  uint16_t subject_bytes = 0;
  uint32_t stream = 0;
  uint32_t length = 0;    // with the header
  std::string_view body;  // behind the header
};

struct MessageFields {
  Seq seq = 0;
  Nanos time = 0;
  Nanos expires = 0;
  std::string_view subject, headers, payload;
};

// Begins a record at the end of `out`; the body is appended to `out` by the caller, then finished.
size_t begin_record(std::string& out, RecordType type, uint32_t stream);
// Fills in length and checksum of the record that began at `start`.
void finish_record(std::string& out, size_t start, uint64_t salt);
// False: too long for a record (subject above 65535 bytes, all above kRecordBytesMax).
bool put_message(std::string& out, uint32_t stream, const MessageFields& message, uint64_t salt);
// A record as long as `length` that says a message was here.
std::string erased_record(uint32_t length, uint64_t salt);

enum class ReadRecord : uint8_t { kOk, kShort, kDamaged };
// The record at the front of `bytes`, checksum and all.
ReadRecord read_record(std::string_view bytes, uint64_t salt, Record& record);
bool read_message(const Record& record, MessageFields& message);

// Sets of sequences as pairs of varints: distance from the end of the last range, length.
void put_ranges(std::string& out, const std::vector<SeqRange>& ranges);
bool take_ranges(std::string_view& in, std::vector<SeqRange>& ranges);

struct Position {
  Seq first = 0;
  Seq last = 0;
  Nanos last_time = 0;
};
void put_position(std::string& out, const Position& position);
bool take_position(std::string_view in, Position& position);

struct EraseTarget {
  uint64_t segment = 0;
  uint32_t offset = 0;
  uint32_t length = 0;
};

// Numbers as they stand in files.
template <class T>
void put_fixed(std::string& out, T value) {
  char bytes[sizeof(T)];
  __builtin_memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}
template <class T>
T get_fixed(const char* from) {
  T value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

uint64_t checksum(std::string_view bytes, uint64_t salt);

}  // namespace natrix::storage
