// One block of S2, the extension of Snappy that the Go library klauspost/compress writes: a length,
// then literals and copies of what was decoded before. Without frame and checksum.
//
// Pure functions, safe from any thread; sizes in bytes. Formats: format_description.txt of Snappy;
// what S2 adds is a copy with the one-byte form and offset 0, which repeats the offset before and
// carries longer lengths. A Snappy block is an S2 block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

namespace natrix::s2 {

// The largest block of the framing format.
inline constexpr size_t kMaxBlockBytes = size_t{4} << 20;

// How long the decoded block claims to be; a peer's word, to be compared with a limit before room
// is made. Errors: no or a malformed number, more than 32 bits.
Result<size_t> decoded_size(std::string_view block);

// Decodes into exactly out.size() == decoded_size(block) bytes. Errors: anything that does not fit
// to the byte; `out` is then undefined.
Result<void> decode_block(std::string_view block, std::span<char> out);

// decoded_size, limit and decode_block in one. Error also: more than `max_bytes`.
Result<std::string> decode_block(std::string_view block, size_t max_bytes);

// No encoded block of `size` bytes is longer, neither ours nor one of the Go library.
constexpr size_t max_encoded_size(size_t size) {
  return size + size / 2 + 64;
}

// Encodes blocks. Keeps its table between blocks (at most 64 KiB); one thread.
class BlockEncoder {
 public:
  // Appends the encoded form of `raw` (at most kMaxBlockBytes) to `out`.
  void encode(std::string_view raw, std::string& out);

 private:
  std::vector<uint32_t> table_;  // hash of six bytes -> where they stood
};

}  // namespace natrix::s2
