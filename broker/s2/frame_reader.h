// FrameReader: the decoder of the framing formats of S2 and Snappy, for streams that come in
// pieces.
//
//   reader.append(bytes_from_the_peer);
//   while (true) {
//     auto block = reader.next();
//     if (!block) return refuse(block.error());
//     if (!*block) break;            // more bytes are needed
//     use(**block);                  // valid until the next call of next() or append()
//   }
//   at the end of the stream: reader.complete() or it was cut short.
//
// Reads everything the Go library klauspost/compress/s2 writes: both stream identifiers (also in
// the middle: streams may stand one behind the other), compressed and uncompressed chunks with
// their CRC-32C, padding, the index and every other chunk that may be skipped. Format:
// framing_format.txt of Snappy; S2 allows blocks up to 4 MiB where Snappy ends at 64 KiB.
//
// Memory: one incomplete chunk, the piece appended last, and one decoded block. No length is
// trusted before it was compared with a limit. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace natrix::s2 {

struct ReaderLimits {
  // All decoded bytes together: what a small stream can unpack to is bounded by this alone.
  uint64_t max_output_bytes = 0;
  // One decoded block; at most kMaxBlockBytes.
  size_t max_block_bytes = size_t{4} << 20;
};

class FrameReader {
 public:
  explicit FrameReader(ReaderLimits limits) : limits_(limits) {}

  // What is not decoded yet is copied; call next() until it wants more before the next append.
  void append(std::string_view bytes);

  // The next decoded block, never empty; nothing: more bytes are needed. Errors: malformed,
  // checksum wrong, a limit passed. An error is final: every later call gives it again.
  Result<std::optional<std::string_view>> next();

  // Nothing is left over: the stream may end here. An empty stream is complete.
  [[nodiscard]] bool complete() const { return !failed_ && skip_ == 0 && pos_ == input_.size(); }
  [[nodiscard]] uint64_t output_bytes() const { return output_bytes_; }

 private:
  enum class Step : uint8_t { kBlock, kMore, kAgain };

  Result<Step> step();
  Result<Step> identifier(std::string_view body);
  Result<Step> compressed(std::string_view body);
  Result<Step> uncompressed(std::string_view body);
  Result<void> admit(size_t block_bytes);
  [[nodiscard]] size_t block_limit() const;

  ReaderLimits limits_;
  std::string input_;
  size_t pos_ = 0;           // in input_: the next chunk
  size_t skip_ = 0;          // of a chunk that is passed over, still to come
  bool identified_ = false;  // a stream identifier was seen
  bool snappy_ = false;      // and it was that of Snappy
  std::string decoded_;
  std::string_view block_;
  uint64_t output_bytes_ = 0;
  std::optional<Error> failed_;
};

}  // namespace natrix::s2
