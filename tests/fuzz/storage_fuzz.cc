// The parsers of the store's files: whatever stands in them, they end, stay inside the bytes and
// give nothing back that contradicts itself. The first byte chooses the parser.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "broker/storage/consumer_state.h"
#include "broker/storage/file_consumer_store.h"
#include "broker/storage/record.h"
#include "broker/storage/segment_format.h"
#include "broker/storage/segment_index.h"

using namespace natrix::storage;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void inside(std::string_view outer, std::string_view inner) {
  check(inner.empty() || (inner.data() >= outer.data() &&
                          inner.data() + inner.size() <= outer.data() + outer.size()));
}

void walk(std::string_view bytes, std::optional<uint64_t> known_end) {
  uint64_t last = 0;
  SegmentWalk found = walk_segment(bytes, 7, known_end, [&](uint64_t offset, const Record& record) {
    check(offset >= last && offset + record.length <= bytes.size());
    last = offset + record.length;
    inside(bytes, record.body);
    MessageFields m;
    if (read_message(record, m)) {
      inside(record.body, m.subject);
      inside(record.body, m.headers);
      inside(record.body, m.payload);
    }
  });
  check(found.end <= bytes.size());
}

// Frames around the input, with correct checksums: what is behind them is reached.
void walk_made(std::string_view bytes) {
  SegmentHeader header;
  header.salt = 7;
  std::string segment = encode(header);
  size_t half = bytes.size() / 2;
  uint64_t batch = 0;
  for (std::string_view part : {bytes.substr(0, half), bytes.substr(half)}) {
    FrameHeader frame;
    std::string body;
    for (size_t at = 0; at < part.size(); at += 60) {
      size_t start = begin_record(body, static_cast<RecordType>(1 + part[at] % 14), 1);
      body.append(part.substr(at, 60));
      finish_record(body, start, 7);
      ++frame.records;
    }
    frame.length = static_cast<uint32_t>(body.size());
    frame.batch = ++batch;
    frame.synced = batch - 1;
    std::string room(kFrameHeaderBytes, '\0');
    encode(frame, 7, room.data());
    segment += room + body;
  }
  walk(segment, std::nullopt);
  if (bytes.size() > 4) {
    segment[kSegmentHeaderBytes +
            get_fixed<uint16_t>(bytes.data()) % (segment.size() - kSegmentHeaderBytes)] ^= bytes[2];
    walk(segment, std::nullopt);
    walk(segment, segment.size());
  }
}

void read_index(std::string_view bytes) {
  IndexHeader header;
  std::vector<IndexedChunk> chunks;
  if (decode(bytes, header) && header.summary <= bytes.size()) {
    (void)read_summary(header, bytes.substr(header.summary), chunks);
  }
  chunks.clear();
  std::string summary(bytes);
  put_fixed(summary, checksum(summary, 7));
  header = {};
  header.salt = 7;
  header.chunks = 1 + static_cast<uint32_t>(bytes.size() % 3);
  if (!read_summary(header, summary, chunks)) return;
  for (IndexedChunk& chunk : chunks) {
    check(chunk.live <= chunk.count && chunk.count <= kChunkEntriesMax);
    std::vector<std::string_view> names;
    check(chunk.stored.names + chunk.stored.names_bytes <= summary.size());
    check(read_names(std::string_view(summary).substr(chunk.stored.names, chunk.stored.names_bytes),
                     chunk.stored, 7, names));
    check(names.size() == chunk.subjects.size());
  }
}

void read_states(std::string_view bytes) {
  ConsumerState state;
  if (state.decode(bytes)) {
    std::string again;
    state.encode(again);
    ConsumerState same;
    check(same.decode(again) && same == state);
  }
  std::vector<SeqRange> ranges;
  std::string_view rest = bytes;
  (void)take_ranges(rest, ranges);
  Position position;
  (void)take_position(bytes, position);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      walk(bytes, std::nullopt);
      break;
    case 1:
      walk(bytes, bytes.size());
      break;
    case 2:
      walk_made(bytes);
      break;
    case 3:
      read_index(bytes);
      break;
    default:
      read_states(bytes);
  }
  return 0;
}
