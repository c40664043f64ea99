// Any bytes as an S2 stream, as a block, and as something to compress. However a stream is cut into
// pieces, the same bytes and the same error must come out; what we write must come back.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/assert.h"
#include "broker/s2/frame_reader.h"
#include "broker/s2/frame_writer.h"

namespace {

using namespace natrix::s2;

constexpr uint64_t kMaxOutput = 1 << 20;

std::string read(std::string_view stream, size_t piece) {
  FrameReader reader({kMaxOutput});
  std::string seen;
  while (true) {
    auto block = reader.next();
    if (!block) return seen + "\nerror " + block.error().message;
    if (*block) {
      seen.append(**block);
      NATRIX_ASSERT(seen.size() <= kMaxOutput, "the limit holds");
    } else if (stream.empty()) {
      return seen + (reader.complete() ? "\ncomplete" : "\ncut short");
    } else {
      reader.append(stream.substr(0, piece));
      stream.remove_prefix(std::min(piece, stream.size()));
    }
  }
}

void round_trip(std::string_view raw) {
  for (size_t block : {size_t{7}, size_t{100}, kMaxBlockBytes}) {
    FrameWriter writer(block);
    std::string stream;
    writer.write(raw.substr(0, raw.size() / 3), stream);
    writer.write(raw.substr(raw.size() / 3), stream);
    writer.finish(stream);
    NATRIX_ASSERT(read(stream, 1000) == std::string(raw) + "\ncomplete",
                  "what we write comes back");
  }
  BlockEncoder encoder;
  std::string block;
  encoder.encode(raw, block);
  NATRIX_ASSERT(block.size() <= max_encoded_size(raw.size()), "the bound holds");
  auto again = decode_block(block, raw.size());
  NATRIX_ASSERT(again.ok() && *again == raw, "a block comes back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string whole = read(input, size + 1);
  for (size_t piece : {1, 3, 64}) {
    NATRIX_ASSERT(read(input, piece) == whole, "the cut into pieces makes no difference");
  }
  if (auto block = decode_block(input, kMaxOutput); block) {
    NATRIX_ASSERT(block->size() == *decoded_size(input), "as long as it says");
  }
  if (size < 65536) round_trip(input);
  return 0;
}
