#include <algorithm>

#include "broker/s2/block.h"
#include "broker/s2/bytes.h"

namespace natrix::s2 {

namespace {

// Takes the number at the front of a block off it.
Result<size_t> take_size(std::string_view& block) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (block.empty()) return fail("S2 block without its length");
    auto byte = static_cast<uint8_t>(block.front());
    block.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (value > UINT32_MAX) break;
      return static_cast<size_t>(value);
    }
  }
  return fail("S2 block with a length of more than 32 bits");
}

class Decoder {
 public:
  Decoder(std::string_view in, std::span<char> out)
      : in_(reinterpret_cast<const uint8_t*>(in.data())),
        in_end_(in_ + in.size()),
        out_begin_(reinterpret_cast<uint8_t*>(out.data())),
        out_(out_begin_),
        out_end_(out_begin_ + out.size()) {}

  bool run() {
    while (in_ != in_end_) {
      uint8_t tag = *in_++;
      if ((tag & 3) == 0 ? !literal(tag) : !copy(tag)) return false;
    }
    return out_ == out_end_;
  }

 private:
  [[nodiscard]] size_t left() const { return static_cast<size_t>(in_end_ - in_); }
  [[nodiscard]] size_t room() const { return static_cast<size_t>(out_end_ - out_); }

  bool literal(uint8_t tag) {
    size_t length = tag >> 2;
    if (length >= 60) {
      size_t extra = length - 59;
      if (left() < extra) return false;
      length = 0;
      for (size_t i = 0; i < extra; ++i) length |= static_cast<size_t>(in_[i]) << (8 * i);
      in_ += extra;
    }
    ++length;
    if (length > left() || length > room()) return false;
    if (length <= 16 && left() >= 16 && room() >= 16) {
      std::memcpy(out_, in_, 16);  // a constant length is two instructions
    } else {
      std::memcpy(out_, in_, length);
    }
    in_ += length;
    out_ += length;
    return true;
  }

  bool copy(uint8_t tag) {
    size_t length = 0;
    switch (tag & 3) {
      case 1:
        if (!short_copy(tag, length)) return false;
        break;
      case 2:
        if (left() < 2) return false;
        offset_ = load16(in_);
        in_ += 2;
        length = 1 + (tag >> 2);
        break;
      default:
        if (left() < 4) return false;
        offset_ = load32(in_);
        in_ += 4;
        length = 1 + (tag >> 2);
    }
    if (offset_ == 0 || offset_ > static_cast<size_t>(out_ - out_begin_) || length > room()) {
      return false;
    }
    repeat_bytes(length);
    return true;
  }

  // Eleven bits of offset; offset 0 means the one before, and lengths 5 to 7 then announce longer
  // ones.
  bool short_copy(uint8_t tag, size_t& length) {
    if (left() < 1) return false;
    size_t offset = static_cast<size_t>(tag & 0xe0) << 3 | *in_++;
    length = (tag >> 2) & 7;
    if (offset != 0) {
      offset_ = offset;
    } else if (length >= 5) {
      size_t extra = length - 4;
      if (left() < extra) return false;
      length = extra == 1   ? in_[0] + size_t{4}
               : extra == 2 ? load16(in_) + (size_t{1} << 8)
                            : load24(in_) + (size_t{1} << 16);
      in_ += extra;
    }
    length += 4;
    return true;
  }

  // What is copied may overlap what is written: then it repeats.
  void repeat_bytes(size_t length) {
    const uint8_t* from = out_ - offset_;
    if (offset_ >= 16 && room() >= length + 16) {
      uint8_t* end = out_ + length;
      for (uint8_t* to = out_; to < end; to += 16, from += 16) std::memcpy(to, from, 16);
      out_ += length;
      return;
    }
    // What is there doubles with each round.
    for (size_t there = offset_; length > there; there *= 2) {
      std::memcpy(out_, from, there);
      out_ += there;
      length -= there;
    }
    std::memcpy(out_, from, length);
    out_ += length;
  }

  const uint8_t* in_;
  const uint8_t* in_end_;
  uint8_t* out_begin_;
  uint8_t* out_;
  uint8_t* out_end_;
  size_t offset_ = 0;
};

}  // namespace

Result<size_t> decoded_size(std::string_view block) {
  return take_size(block);
}

Result<void> decode_block(std::string_view block, std::span<char> out) {
  auto size = take_size(block);
  if (!size) return fail(size.error().message);
  if (*size != out.size() || !Decoder(block, out).run()) return fail("S2 block is corrupt");
  return {};
}

Result<std::string> decode_block(std::string_view block, size_t max_bytes) {
  auto size = decoded_size(block);
  if (!size) return fail(size.error().message);
  if (*size > max_bytes) return fail("S2 block is larger than allowed");
  std::string out(*size, '\0');
  auto decoded = decode_block(block, std::span<char>(out));
  if (!decoded) return fail(decoded.error().message);
  return out;
}

}  // namespace natrix::s2
