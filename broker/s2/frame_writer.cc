#include "broker/s2/frame_writer.h"

#include <algorithm>

#include "broker/base/assert.h"
#include "broker/s2/crc32c.h"
#include "broker/s2/frame_format.h"

namespace natrix::s2 {

namespace {

void write_header(uint8_t type, size_t length, char* at) {
  at[0] = static_cast<char>(type);
  for (int i = 0; i < 3; ++i) at[1 + i] = static_cast<char>(length >> (8 * i));
}

// A block that does not shrink by this part is stored as it is: reading it then costs nothing.
bool worth_it(size_t encoded, size_t raw) {
  return encoded < raw - raw / 32;
}

}  // namespace

FrameWriter::FrameWriter(size_t block_bytes) : block_bytes_(block_bytes) {
  NATRIX_ASSERT(block_bytes >= 1 && block_bytes <= kMaxBlockBytes, "a block has a limit");
}

void FrameWriter::write(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    if (raw_.empty() && bytes.size() >= block_bytes_) {  // no need to collect
      chunk(bytes.substr(0, block_bytes_), out);
      bytes.remove_prefix(block_bytes_);
      continue;
    }
    size_t taken = std::min(bytes.size(), block_bytes_ - raw_.size());
    raw_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (raw_.size() == block_bytes_) flush(out);
  }
}

void FrameWriter::flush(std::string& out) {
  if (raw_.empty()) return;
  chunk(raw_, out);
  raw_.clear();
}

void FrameWriter::finish(std::string& out) {
  flush(out);
  identify(out);
}

void FrameWriter::identify(std::string& out) {
  if (identified_) return;
  identified_ = true;
  char header[kChunkHeaderBytes];
  write_header(kChunkIdentifier, kIdentifierS2.size(), header);
  out.append(header, sizeof header).append(kIdentifierS2);
}

void FrameWriter::chunk(std::string_view raw, std::string& out) {
  identify(out);
  size_t start = out.size();
  out.resize(start + kChunkHeaderBytes + kChecksumBytes);
  size_t body = out.size();
  encoder_.encode(raw, out);
  uint8_t type = kChunkCompressed;
  if (!worth_it(out.size() - body, raw.size())) {
    type = kChunkUncompressed;
    out.resize(body);
    out.append(raw);
  }
  write_header(type, out.size() - start - kChunkHeaderBytes, out.data() + start);
  uint32_t sum = masked_crc32c(raw);
  for (size_t i = 0; i < kChecksumBytes; ++i) {
    out[start + kChunkHeaderBytes + i] = static_cast<char>(sum >> (8 * i));
  }
}

}  // namespace natrix::s2
