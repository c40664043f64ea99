#include "broker/s2/frame_reader.h"

#include <algorithm>

#include "broker/s2/block.h"
#include "broker/s2/bytes.h"
#include "broker/s2/crc32c.h"
#include "broker/s2/frame_format.h"

namespace natrix::s2 {

namespace {

// What one chunk that is not skipped may hold.
constexpr size_t kMaxChunkBytes = kChecksumBytes + max_encoded_size(kMaxBlockBytes);
// Room for a block that was this large is kept for the next one.
constexpr size_t kKeptBytes = size_t{1} << 20;

const uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

Result<void> check_sum(std::string_view body, std::string_view decoded) {
  if (load32(bytes_of(body)) != masked_crc32c(decoded)) return fail("S2 stream: wrong checksum");
  return {};
}

}  // namespace

void FrameReader::append(std::string_view bytes) {
  size_t skipped = std::min(skip_, bytes.size());
  skip_ -= skipped;
  bytes.remove_prefix(skipped);
  if (bytes.empty()) return;
  if (pos_ > 0) {
    input_.erase(0, pos_);
    pos_ = 0;
  }
  if (input_.empty() && input_.capacity() > 2 * kKeptBytes) input_ = std::string();
  input_.append(bytes);
}

Result<std::optional<std::string_view>> FrameReader::next() {
  while (!failed_) {
    auto done = step();
    if (!done) {
      failed_ = done.error();
    } else if (*done == Step::kBlock) {
      return std::optional<std::string_view>(block_);
    } else if (*done == Step::kMore) {
      return std::optional<std::string_view>();
    }
  }
  return fail(failed_->message);
}

Result<FrameReader::Step> FrameReader::step() {
  std::string_view rest = std::string_view(input_).substr(pos_);
  if (rest.size() < kChunkHeaderBytes) return Step::kMore;
  auto type = static_cast<uint8_t>(rest[0]);
  size_t length = load24(bytes_of(rest) + 1);
  // The Go library pads an empty stream before it has identified it.
  if (!identified_ && type != kChunkIdentifier && type != kChunkPadding) {
    return fail("not an S2 or Snappy stream");
  }
  if (type >= kChunkSkippable && type != kChunkIdentifier) {
    size_t here = std::min(length, rest.size() - kChunkHeaderBytes);
    pos_ += kChunkHeaderBytes + here;
    skip_ = length - here;
    return Step::kAgain;
  }
  if (type > kChunkUncompressed && type != kChunkIdentifier) {
    return fail("S2 stream: a chunk of unknown type that must not be skipped");
  }
  if (type == kChunkIdentifier ? length != kIdentifierS2.size()
                               : length < kChecksumBytes || length > kMaxChunkBytes) {
    return fail("S2 stream: a chunk of impossible length");
  }
  if (rest.size() < kChunkHeaderBytes + length) return Step::kMore;
  std::string_view body = rest.substr(kChunkHeaderBytes, length);
  pos_ += kChunkHeaderBytes + length;
  if (type == kChunkIdentifier) return identifier(body);
  return type == kChunkCompressed ? compressed(body) : uncompressed(body);
}

Result<FrameReader::Step> FrameReader::identifier(std::string_view body) {
  if (body != kIdentifierS2 && body != kIdentifierSnappy) {
    return fail("not an S2 or Snappy stream");
  }
  identified_ = true;
  snappy_ = body == kIdentifierSnappy;
  return Step::kAgain;
}

size_t FrameReader::block_limit() const {
  size_t limit = std::min(limits_.max_block_bytes, kMaxBlockBytes);
  return snappy_ ? std::min(limit, kSnappyMaxBlockBytes) : limit;
}

Result<void> FrameReader::admit(size_t block_bytes) {
  if (block_bytes > block_limit()) return fail("S2 stream: a block is larger than allowed");
  if (block_bytes > limits_.max_output_bytes - output_bytes_) {
    return fail("S2 stream: it unpacks to more than allowed");
  }
  output_bytes_ += block_bytes;
  return {};
}

Result<FrameReader::Step> FrameReader::compressed(std::string_view body) {
  std::string_view block = body.substr(kChecksumBytes);
  auto size = decoded_size(block);
  if (!size) return fail(size.error().message);
  if (auto admitted = admit(*size); !admitted) return fail(admitted.error().message);
  if (decoded_.capacity() > kKeptBytes && *size <= kKeptBytes) decoded_ = std::string();
  decoded_.resize(*size);
  if (auto done = decode_block(block, decoded_); !done) return fail(done.error().message);
  if (auto sum = check_sum(body, decoded_); !sum) return fail(sum.error().message);
  block_ = decoded_;
  return block_.empty() ? Step::kAgain : Step::kBlock;
}

Result<FrameReader::Step> FrameReader::uncompressed(std::string_view body) {
  std::string_view block = body.substr(kChecksumBytes);
  if (auto admitted = admit(block.size()); !admitted) return fail(admitted.error().message);
  if (auto sum = check_sum(body, block); !sum) return fail(sum.error().message);
  block_ = block;  // in place
  return block_.empty() ? Step::kAgain : Step::kBlock;
}

}  // namespace natrix::s2
