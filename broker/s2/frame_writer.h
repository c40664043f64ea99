// FrameWriter: the encoder of the framing format of S2, for streams of any length. What it writes
// is read by the Go library klauspost/compress/s2 and by FrameReader.
//
//   FrameWriter writer;
//   writer.write(bytes, out);   // `out` grows by whole chunks when a block is full
//   writer.flush(out);          // everything written so far can be decoded from `out`
//   at the end: writer.finish(out)
//
// The caller owns `out` and takes from its front whatever it has sent. Memory: one raw block, one
// table of 64 KiB. One thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "broker/s2/block.h"

namespace natrix::s2 {

class FrameWriter {
 public:
  // Larger blocks compress better and are held twice while they are encoded.
  static constexpr size_t kDefaultBlockBytes = size_t{256} << 10;

  // `block_bytes`: 1 to kMaxBlockBytes.
  explicit FrameWriter(size_t block_bytes = kDefaultBlockBytes);

  void write(std::string_view bytes, std::string& out);
  void flush(std::string& out);
  // flush, and the identifier if nothing was written at all: the result is never empty.
  void finish(std::string& out);

 private:
  void chunk(std::string_view raw, std::string& out);
  void identify(std::string& out);

  size_t block_bytes_;
  std::string raw_;  // collected for the next block
  bool identified_ = false;
  BlockEncoder encoder_;
};

}  // namespace natrix::s2
