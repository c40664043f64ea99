#include "broker/storage/segment_index.h"

#include <cstring>

#include "broker/storage/record.h"
#include "broker/storage/varint.h"

namespace natrix::storage {

namespace {

constexpr std::string_view kIndexMagic = "NATRIXIX";

static_assert(sizeof(IndexEntry) == 32, "entries are stored as they are");

std::string encode(const IndexHeader& header) {
  std::string out(kIndexMagic);
  put_fixed(out, header.version);
  put_fixed(out, header.flags);
  put_fixed(out, static_cast<uint32_t>(kIndexHeaderBytes));
  put_fixed(out, header.salt);
  put_fixed(out, header.number);
  put_fixed(out, header.generation);
  put_fixed(out, header.chunks);
  put_fixed(out, header.data_bytes);
  put_fixed(out, header.summary);
  put_fixed(out, checksum(out, 0));
  return out;
}

void put_subjects(std::string& out, const IndexedChunk& chunk) {
  put_varint(out, chunk.subjects.size());
  for (const IndexedSubject& subject : chunk.subjects) {
    put_text(out, subject.name);
    put_varint(out, subject.count);
    put_varint(out, subject.first);
    put_varint(out, subject.last);
    put_varint(out, subject.first_seq - chunk.base);
    put_varint(out, subject.last_seq - chunk.base);
  }
}

bool take_subject(std::string_view& in, const IndexedChunk& chunk, IndexedSubject& subject) {
  std::string_view name;
  uint64_t count = 0, first = 0, last = 0, first_seq = 0, last_seq = 0;
  if (!take_text(in, name) || !take_varint(in, count) || !take_varint(in, first) ||
      !take_varint(in, last) || !take_varint(in, first_seq) || !take_varint(in, last_seq)) {
    return false;
  }
  if (first > last || last >= chunk.count || count > chunk.live || first_seq > last_seq ||
      chunk.base + last_seq > chunk.last) {
    return false;
  }
  subject.name = name;
  subject.count = static_cast<uint32_t>(count);
  subject.first = static_cast<uint32_t>(first);
  subject.last = static_cast<uint32_t>(last);
  subject.first_seq = chunk.base + first_seq;
  subject.last_seq = chunk.base + last_seq;
  return true;
}

// Ranges of small numbers: distance from the end of the last, length - 1.
class RangeWriter {
 public:
  void add(uint64_t first, uint64_t last) {
    put_varint(text_, first - end_);
    put_varint(text_, last - first);
    end_ = last + 1;
    ++count_;
  }
  void put(std::string& out) const {
    put_varint(out, count_);
    out.append(text_);
  }

 private:
  std::string text_;
  uint64_t end_ = 0;
  uint64_t count_ = 0;
};

void put_gaps_and_removed(std::string& out, const IndexedChunk& chunk) {
  RangeWriter gaps, removed;
  uint64_t expected = 0;
  for (const IndexEntry& entry : chunk.entries) {
    if (entry.seq_delta > expected) gaps.add(expected, entry.seq_delta - 1);
    expected = uint64_t{entry.seq_delta} + 1;
  }
  for (size_t at = 0; at < chunk.entries.size(); ++at) {
    if ((chunk.entries[at].flags & kEntryRemoved) == 0) continue;
    size_t first = at;
    while (at + 1 < chunk.entries.size() && (chunk.entries[at + 1].flags & kEntryRemoved) != 0)
      ++at;
    removed.add(first, at);
  }
  gaps.put(out);
  removed.put(out);
}

// Calls add(first, last); false: malformed, not below `limit`, or more than `most` ranges. `sum` is
// how many numbers they hold.
template <class F>
bool take_small_ranges(std::string_view& in, uint64_t limit, uint64_t most, uint64_t& sum,
                       F&& add) {
  uint64_t count = 0, end = 0;
  sum = 0;
  if (!take_varint(in, count) || count > most) return false;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t distance = 0, length = 0;
    if (!take_varint(in, distance) || !take_varint(in, length)) return false;
    if (distance >= limit - end || length >= limit - end - distance) return false;
    add(end + distance, end + distance + length);
    end += distance + length + 1;
    sum += length + 1;
  }
  return true;
}

bool take_gaps_and_removed(std::string_view& in, IndexedChunk& chunk) {
  uint64_t span = chunk.last - chunk.base + 1, missing = 0, removed = 0;
  bool taken = take_small_ranges(in, span, chunk.count, missing, [&](uint64_t a, uint64_t b) {
    chunk.gaps.push_back({chunk.base + a, chunk.base + b});
  });
  if (!taken || missing != span - chunk.count) return false;
  taken = take_small_ranges(in, chunk.count, chunk.count, removed, [&](uint64_t a, uint64_t b) {
    if (chunk.removed.empty()) chunk.removed.resize(chunk.count);
    for (; a <= b; ++a) chunk.removed[a] = true;
  });
  return taken && removed == chunk.count - chunk.live;
}

void put_chunk(std::string& out, uint64_t summary_at, uint64_t salt, IndexedChunk& chunk) {
  put_varint(out, chunk.stream);
  put_varint(out, chunk.base);
  put_varint(out, chunk.last - chunk.base);
  put_varint(out, chunk.count);
  put_varint(out, chunk.live);
  put_varint(out, chunk.bytes);
  put_varint(out, chunk.record_bytes);
  put_varint(out, zigzag(chunk.first_time));
  put_varint(out, zigzag(chunk.last_time));
  put_varint(out, chunk.stored.entries);
  put_gaps_and_removed(out, chunk);
  put_varint(out, chunk.expiries.size());
  for (const Expiry& expiry : chunk.expiries) {
    put_varint(out, expiry.seq - chunk.base);
    put_varint(out, zigzag(expiry.time));
  }
  size_t names = out.size();
  put_subjects(out, chunk);
  chunk.stored.names = summary_at + names;
  chunk.stored.names_bytes = static_cast<uint32_t>(out.size() - names);
  chunk.stored.names_checksum = checksum(std::string_view(out).substr(names), salt);
}

bool take_numbers(std::string_view& in, IndexedChunk& chunk) {
  uint64_t stream = 0, span = 0, count = 0, live = 0, first_time = 0, last_time = 0;
  if (!take_varint(in, stream) || !take_varint(in, chunk.base) || !take_varint(in, span) ||
      !take_varint(in, count) || !take_varint(in, live) || !take_varint(in, chunk.bytes) ||
      !take_varint(in, chunk.record_bytes) || !take_varint(in, first_time) ||
      !take_varint(in, last_time) || !take_varint(in, chunk.stored.entries)) {
    return false;
  }
  if (count == 0 || count > kChunkEntriesMax || live == 0 || live > count || span >= kNoEntry ||
      span + 1 < count || chunk.base == 0 || chunk.base + span < chunk.base ||
      stream > UINT32_MAX) {
    return false;
  }
  chunk.stream = static_cast<uint32_t>(stream);
  chunk.last = chunk.base + span;
  chunk.count = static_cast<uint32_t>(count);
  chunk.live = static_cast<uint32_t>(live);
  chunk.first_time = unzigzag(first_time);
  chunk.last_time = unzigzag(last_time);
  chunk.stored.count = chunk.count;
  return true;
}

bool take_expiries(std::string_view& in, IndexedChunk& chunk) {
  uint64_t expiries = 0;
  if (!take_varint(in, expiries) || expiries > chunk.count) return false;
  for (uint64_t i = 0; i < expiries; ++i) {
    uint64_t delta = 0, time = 0;
    if (!take_varint(in, delta) || !take_varint(in, time)) return false;
    chunk.expiries.push_back({unzigzag(time), chunk.base + delta});
  }
  return true;
}

bool take_chunk(std::string_view& in, const char* start, const IndexHeader& header,
                IndexedChunk& chunk) {
  uint64_t subjects = 0;
  if (!take_numbers(in, chunk) || !take_gaps_and_removed(in, chunk) || !take_expiries(in, chunk)) {
    return false;
  }
  const char* names = in.data();
  if (!take_varint(in, subjects) || subjects > chunk.count) return false;
  uint64_t live = 0;
  for (uint64_t i = 0; i < subjects; ++i) {
    IndexedSubject subject;
    if (!take_subject(in, chunk, subject)) return false;
    live += subject.count;
    chunk.subjects.push_back(std::move(subject));
  }
  chunk.stored.names = header.summary + static_cast<uint64_t>(names - start);
  chunk.stored.names_bytes = static_cast<uint32_t>(in.data() - names);
  chunk.stored.names_checksum = checksum({names, chunk.stored.names_bytes}, header.salt);
  return live == chunk.live;
}

}  // namespace

std::string encode_index(IndexHeader header, std::vector<IndexedChunk>& chunks) {
  std::string out(kIndexHeaderBytes, '\0');
  for (IndexedChunk& chunk : chunks) {
    chunk.stored.entries = out.size();
    chunk.stored.count = chunk.count;
    size_t bytes = chunk.entries.size() * sizeof(IndexEntry);
    out.append(reinterpret_cast<const char*>(chunk.entries.data()), bytes);
    put_fixed(out, checksum(std::string_view(out).substr(out.size() - bytes), header.salt));
  }
  header.summary = out.size();
  header.chunks = static_cast<uint32_t>(chunks.size());
  std::string summary;
  for (IndexedChunk& chunk : chunks) put_chunk(summary, header.summary, header.salt, chunk);
  put_fixed(summary, checksum(summary, header.salt));
  out.append(summary);
  std::memcpy(out.data(), encode(header).data(), kIndexHeaderBytes);
  return out;
}

bool decode(std::string_view bytes, IndexHeader& header) {
  if (bytes.size() < kIndexHeaderBytes || !bytes.starts_with(kIndexMagic)) return false;
  const char* at = bytes.data();
  if (checksum(bytes.substr(0, 56), 0) != get_fixed<uint64_t>(at + 56)) return false;
  header.version = get_fixed<uint16_t>(at + 8);
  header.flags = get_fixed<uint16_t>(at + 10);
  header.salt = get_fixed<uint64_t>(at + 16);
  header.number = get_fixed<uint64_t>(at + 24);
  header.generation = get_fixed<uint32_t>(at + 32);
  header.chunks = get_fixed<uint32_t>(at + 36);
  header.data_bytes = get_fixed<uint64_t>(at + 40);
  header.summary = get_fixed<uint64_t>(at + 48);
  return header.version == 1 && header.flags == 0;
}

bool read_summary(const IndexHeader& header, std::string_view summary,
                  std::vector<IndexedChunk>& chunks) {
  if (summary.size() < sizeof(uint64_t)) return false;
  std::string_view in = summary.substr(0, summary.size() - sizeof(uint64_t));
  if (checksum(in, header.salt) != get_fixed<uint64_t>(in.data() + in.size())) return false;
  const char* start = in.data();
  for (uint32_t i = 0; i < header.chunks; ++i) {
    IndexedChunk chunk;
    if (!take_chunk(in, start, header, chunk)) return false;
    chunks.push_back(std::move(chunk));
  }
  return in.empty();
}

bool read_entries(std::string_view bytes, uint64_t salt, std::vector<IndexEntry>& entries) {
  if (bytes.size() < sizeof(uint64_t)) return false;
  size_t size = bytes.size() - sizeof(uint64_t);
  if (size % sizeof(IndexEntry) != 0) return false;
  if (checksum(bytes.substr(0, size), salt) != get_fixed<uint64_t>(bytes.data() + size)) {
    return false;
  }
  entries.resize(size / sizeof(IndexEntry));
  std::memcpy(entries.data(), bytes.data(), size);
  return true;
}

bool read_names(std::string_view bytes, const Chunk::Stored& stored, uint64_t salt,
                std::vector<std::string_view>& names) {
  if (bytes.size() != stored.names_bytes || checksum(bytes, salt) != stored.names_checksum) {
    return false;
  }
  uint64_t count = 0;
  if (!take_varint(bytes, count)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    std::string_view name;
    uint64_t skipped = 0;
    if (!take_text(bytes, name)) return false;
    for (int field = 0; field < 5; ++field) {
      if (!take_varint(bytes, skipped)) return false;
    }
    names.push_back(name);
  }
  return true;
}

}  // namespace natrix::storage
