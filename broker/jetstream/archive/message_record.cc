#include "broker/jetstream/archive/message_record.h"

#include <fmt/format.h>

#include "broker/base/assert.h"
#include "broker/crypto/highway_hash.h"
#include "broker/crypto/sha256.h"
#include "broker/jetstream/archive/bytes.h"

namespace natrix::jetstream::archive {

namespace {

constexpr uint32_t kHeadersBit = uint32_t{1} << 31;
constexpr uint64_t kErasedBit = uint64_t{1} << 63;
constexpr uint64_t kTombstoneBit = uint64_t{1} << 62;
constexpr size_t kHeadBytes = 22;
constexpr size_t kChecksumBytes = 8;

}  // namespace

RecordCodec::RecordCodec(std::string_view stream, uint64_t block)
    : key_(sha256(fmt::format("{}-{}", stream, block))) {}

Result<std::optional<size_t>> RecordCodec::parse(std::string_view bytes, size_t max_bytes,
                                                 Record& record) const {
  if (bytes.size() < kHeadBytes) return std::optional<size_t>();
  auto length_word = load<uint32_t>(bytes, 0);
  bool has_headers = (length_word & kHeadersBit) != 0;
  size_t length = length_word & ~kHeadersBit;
  size_t subject_size = load<uint16_t>(bytes, 20);
  size_t fixed = kMinRecordBytes + subject_size + (has_headers ? 4 : 0);
  if (length < fixed) return fail("message record with impossible lengths");
  if (length > max_bytes) return fail("message record longer than allowed");
  if (bytes.size() < length) return std::optional<size_t>();

  std::string_view body = bytes.substr(kHeadBytes, length - kHeadBytes - kChecksumBytes);
  record.subject = body.substr(0, subject_size);
  body.remove_prefix(subject_size);
  record.headers = {};
  if (has_headers) {
    size_t headers_size = load<uint32_t>(body, 0);
    body.remove_prefix(4);
    if (headers_size > body.size()) return fail("message record with impossible lengths");
    record.headers = body.substr(0, headers_size);
  }
  record.payload = body.substr(record.headers.size());
  record.checksum = load<uint64_t>(bytes, length - kChecksumBytes);
  HighwayHash hash(key_);
  hash.update(bytes.substr(4, 16));
  hash.update(record.subject);
  hash.update(body);  // headers and payload are neighbours
  if (hash.sum() != record.checksum) return fail("message record with a wrong checksum");

  auto seq = load<uint64_t>(bytes, 4);
  record.kind = (seq & kTombstoneBit) != 0 ? Record::Kind::kTombstone
                : (seq & kErasedBit) != 0  ? Record::Kind::kErased
                                           : Record::Kind::kMessage;
  record.seq = seq & ~(kErasedBit | kTombstoneBit);
  record.time = load<int64_t>(bytes, 12);
  return std::optional<size_t>(length);
}

size_t RecordCodec::size(const Record& record) {
  return kMinRecordBytes + record.subject.size() + record.headers.size() + record.payload.size() +
         (record.headers.empty() ? 0 : 4);
}

void RecordCodec::append(const Record& record, std::string& out) const {
  NATRIX_ASSERT(record.subject.size() <= UINT16_MAX, "a subject has 16 bits of length");
  NATRIX_ASSERT(size(record) <= kMaxRecordBytes, "a record has a limit");
  size_t start = out.size();
  auto length = static_cast<uint32_t>(size(record));
  put(out, record.headers.empty() ? length : length | kHeadersBit);
  put(out, record.seq | (record.kind == Record::Kind::kErased      ? kErasedBit
                         : record.kind == Record::Kind::kTombstone ? kTombstoneBit
                                                                   : 0));
  put(out, record.time);
  put(out, static_cast<uint16_t>(record.subject.size()));
  HighwayHash hash(key_);
  hash.update(std::string_view(out).substr(start + 4, 16));
  for (std::string_view part : {record.subject, record.headers, record.payload}) hash.update(part);
  out.append(record.subject);
  if (!record.headers.empty()) {
    put(out, static_cast<uint32_t>(record.headers.size()));
    out.append(record.headers);
  }
  out.append(record.payload);
  put(out, hash.sum());
}

}  // namespace natrix::jetstream::archive
