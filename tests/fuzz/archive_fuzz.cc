// Any bytes as a backup: compressed as they are, and as what is compressed in one, in both forms;
// as a consumer's state, a stream's state file and a record. Readers end, keep their limits, and
// the cut into pieces makes no difference.
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/assert.h"
#include "broker/crypto/highway_hash.h"
#include "broker/crypto/sha256.h"
#include "broker/jetstream/archive/consumer_file.h"
#include "broker/jetstream/archive/index_file.h"
#include "broker/jetstream/archive/message_record.h"
#include "broker/jetstream/archive/snapshot_reader.h"
#include "broker/s2/frame_writer.h"

using namespace natrix::jetstream::archive;

namespace {

std::string read(std::string_view bytes, size_t piece) {
  SnapshotReader reader({1 << 20, 1 << 16, 1 << 16, 1 << 16, 1 << 16});
  std::string seen;
  uint64_t last = 0;
  while (true) {
    auto event = reader.next();
    if (!event) return seen + event.error().message;
    if (*event) {
      seen.push_back(static_cast<char>('0' + (*event)->index()));
      if (auto* message = std::get_if<Message>(&**event)) {
        NATRIX_ASSERT(message->seq > last, "messages ascend");
        last = message->seq;
        seen.append(message->subject).append(message->headers).append(message->payload);
      }
    } else if (bytes.empty()) {
      return seen + (reader.complete() ? "complete" : "cut short");
    } else {
      reader.append(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
    }
  }
}

void both(std::string_view compressed) {
  NATRIX_ASSERT(read(compressed, 7) == read(compressed, SIZE_MAX), "pieces make no difference");
}

std::string compressed(std::string_view raw) {
  natrix::s2::FrameWriter frames;
  std::string out;
  frames.write(raw, out);
  frames.finish(out);
  return out;
}

void read_index(std::string_view input) {
  std::string bytes(input);
  natrix::HighwayHash hash(natrix::sha256("S"));
  hash.update(bytes);
  uint64_t sum = hash.sum();
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  auto index = IndexFile::parse(bytes, "S");
  if (!index) return;
  for (int i = 0; i < 10'000; ++i) {
    auto removed = index->next_removed();
    if (!removed) return;
    NATRIX_ASSERT(removed->first <= removed->last, "a range");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  both(input);
  both(compressed(input));
  both(compressed("NATSARC1" + std::string(input)));
  if (auto state = decode_consumer_file(input); state) {
    auto again = decode_consumer_file(encode_consumer_file(*state));
    NATRIX_ASSERT(again.ok() && again->pending.size() == state->pending.size(), "comes back");
  }
  read_index(input);
  Record record;
  (void)RecordCodec("S", 1).parse(input, 1 << 16, record);
  return 0;
}
