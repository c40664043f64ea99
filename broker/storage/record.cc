#include "broker/storage/record.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <cstring>

#include "broker/storage/varint.h"

namespace natrix::storage {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

namespace {

// Layout of the header.
constexpr size_t kLengthAt = 8;
constexpr size_t kTypeAt = 12;
constexpr size_t kFlagsAt = 13;
constexpr size_t kSubjectAt = 14;
constexpr size_t kStreamAt = 16;

template <class T>
void set(std::string& out, size_t at, T value) {
  std::memcpy(out.data() + at, &value, sizeof value);
}

}  // namespace

uint64_t checksum(std::string_view bytes, uint64_t salt) {
  return static_cast<uint64_t>(XXH3_64bits_withSeed(bytes.data(), bytes.size(), salt));
}

size_t begin_record(std::string& out, RecordType type, uint32_t stream) {
  size_t start = out.size();
  out.append(kRecordHeaderBytes, '\0');
  set(out, start + kTypeAt, static_cast<uint8_t>(type));
  set(out, start + kStreamAt, stream);
  return start;
}

void finish_record(std::string& out, size_t start, uint64_t salt) {
  set(out, start + kLengthAt, static_cast<uint32_t>(out.size() - start));
  set(out, start, checksum(std::string_view(out).substr(start + kLengthAt), salt));
}

bool put_message(std::string& out, uint32_t stream, const MessageFields& m, uint64_t salt) {
  size_t extra = m.expires != 0 ? sizeof(Nanos) : 0;
  size_t length =
      kMessageHeaderBytes + extra + m.subject.size() + m.headers.size() + m.payload.size();
  if (m.subject.size() > UINT16_MAX || length > kRecordBytesMax) return false;
  size_t start = out.size();
  out.reserve(start + length);
  begin_record(out, RecordType::kMessage, stream);
  set(out, start + kFlagsAt, static_cast<uint8_t>(m.expires != 0 ? kRecordExpires : 0));
  set(out, start + kSubjectAt, static_cast<uint16_t>(m.subject.size()));
  put_fixed(out, static_cast<uint32_t>(m.headers.size()));
  put_fixed(out, m.seq);
  put_fixed(out, m.time);
  if (extra != 0) put_fixed(out, m.expires);
  out.append(m.subject).append(m.headers).append(m.payload);
  finish_record(out, start, salt);
  return true;
}

std::string erased_record(uint32_t length, uint64_t salt) {
  std::string out;
  begin_record(out, RecordType::kErased, 0);
  out.resize(length, '\0');
  finish_record(out, 0, salt);
  return out;
}

ReadRecord read_record(std::string_view bytes, uint64_t salt, Record& record) {
  if (bytes.size() < kRecordHeaderBytes) return ReadRecord::kShort;
  auto length = get_fixed<uint32_t>(bytes.data() + kLengthAt);
  auto type = static_cast<uint8_t>(bytes[kTypeAt]);
  // What cannot be a record is not worth a checksum: salvaging tries every byte.
  if (length < kRecordHeaderBytes || length > kRecordBytesMax || type == 0 ||
      type > static_cast<uint8_t>(RecordType::kErased) ||
      static_cast<uint8_t>(bytes[kFlagsAt]) > kRecordExpires) {
    return ReadRecord::kDamaged;
  }
  if (length > bytes.size()) return ReadRecord::kShort;
  bytes = bytes.substr(0, length);
  if (checksum(bytes.substr(kLengthAt), salt) != get_fixed<uint64_t>(bytes.data())) {
    return ReadRecord::kDamaged;
  }
  record.type = static_cast<RecordType>(type);
  record.flags = static_cast<uint8_t>(bytes[kFlagsAt]);
  record.subject_bytes = get_fixed<uint16_t>(bytes.data() + kSubjectAt);
  record.stream = get_fixed<uint32_t>(bytes.data() + kStreamAt);
  record.length = length;
  record.body = bytes.substr(kRecordHeaderBytes);
  return ReadRecord::kOk;
}

bool read_message(const Record& record, MessageFields& m) {
  std::string_view body = record.body;
  bool expires = (record.flags & kRecordExpires) != 0;
  size_t fixed = 20 + (expires ? sizeof(Nanos) : 0);
  if (record.type != RecordType::kMessage || body.size() < fixed) return false;
  auto headers = get_fixed<uint32_t>(body.data());
  m.seq = get_fixed<uint64_t>(body.data() + 4);
  m.time = get_fixed<int64_t>(body.data() + 12);
  m.expires = expires ? get_fixed<int64_t>(body.data() + 20) : 0;
  body.remove_prefix(fixed);
  if (body.size() < size_t{record.subject_bytes} + headers) return false;
  m.subject = body.substr(0, record.subject_bytes);
  m.headers = body.substr(record.subject_bytes, headers);
  m.payload = body.substr(size_t{record.subject_bytes} + headers);
  return m.seq != 0;
}

void put_ranges(std::string& out, const std::vector<SeqRange>& ranges) {
  put_varint(out, ranges.size());
  Seq last = 0;
  for (const SeqRange& range : ranges) {
    put_varint(out, zigzag(static_cast<int64_t>(range.first - last)));
    put_varint(out, range.last - range.first);
    last = range.last;
  }
}

bool take_ranges(std::string_view& in, std::vector<SeqRange>& ranges) {
  uint64_t count = 0;
  if (!take_varint(in, count) || count > in.size()) return false;
  Seq last = 0;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t distance = 0, length = 0;
    if (!take_varint(in, distance) || !take_varint(in, length)) return false;
    SeqRange range;
    range.first = last + static_cast<uint64_t>(unzigzag(distance));
    range.last = range.first + length;
    if (range.last < range.first) return false;
    ranges.push_back(range);
    last = range.last;
  }
  return true;
}

void put_position(std::string& out, const Position& position) {
  put_varint(out, position.first);
  put_varint(out, position.last);
  put_varint(out, zigzag(position.last_time));
}

bool take_position(std::string_view in, Position& position) {
  uint64_t time = 0;
  if (!take_varint(in, position.first) || !take_varint(in, position.last) ||
      !take_varint(in, time)) {
    return false;
  }
  position.last_time = unzigzag(time);
  return in.empty();
}

}  // namespace natrix::storage
