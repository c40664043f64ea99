#include <algorithm>
#include <bit>

#include "broker/base/assert.h"
#include "broker/s2/block.h"
#include "broker/s2/bytes.h"

namespace natrix::s2 {

namespace {

constexpr unsigned kMinTableBits = 8;
constexpr unsigned kMaxTableBits = 14;
// Blocks below this are one literal.
constexpr size_t kMinInput = 32;
// No search starts closer to the end: eight bytes can then always be loaded.
constexpr size_t kMargin = 16;
// After 2^this many bytes without a find the step grows by one.
constexpr unsigned kSkipShift = 6;

// Writes operations; whoever makes it has provided max_encoded_size bytes.
class Emitter {
 public:
  explicit Emitter(uint8_t* out) : out_(out) {}
  [[nodiscard]] uint8_t* end() const { return out_; }

  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) *out_++ = static_cast<uint8_t>(value | 0x80);
    *out_++ = static_cast<uint8_t>(value);
  }

  void literal(const uint8_t* from, size_t length) {
    if (length == 0) return;
    size_t stored = length - 1;
    if (stored < 60) {
      *out_++ = static_cast<uint8_t>(stored << 2);
    } else {
      size_t extra = stored < 1U << 8 ? 1 : stored < 1U << 16 ? 2 : 3;  // a block has 22 bits
      *out_++ = static_cast<uint8_t>((59 + extra) << 2);
      put(stored, extra);
    }
    std::memcpy(out_, from, length);
    out_ += length;
  }

  void copy(size_t offset, size_t length) {
    if (offset >= 1U << 16) {
      size_t first = std::min<size_t>(length, 64);
      if (length > first && length - first < 4) first = length - 4;  // a repeat is at least 4
      *out_++ = static_cast<uint8_t>((first - 1) << 2 | 3);
      put(offset, 4);
      length -= first;
    } else if (offset < 2048 && (length < 12 || length > 64)) {
      size_t first = length < 12 ? length : 8;
      *out_++ = static_cast<uint8_t>((offset >> 8) << 5 | (first - 4) << 2 | 1);
      put(offset & 0xff, 1);
      length -= first;
    } else {
      size_t first = length <= 64 ? length : 60;
      *out_++ = static_cast<uint8_t>((first - 1) << 2 | 2);
      put(offset, 2);
      length -= first;
    }
    if (length > 0) repeat(length);
  }

  // The offset of the copy before, at least 4 bytes.
  void repeat(size_t length) {
    size_t stored = length - 4;
    if (stored < 5) {
      tag_repeat(stored);
    } else if (stored < (1U << 8) + 4) {
      tag_repeat(5);
      put(stored - 4, 1);
    } else if (stored < (1U << 16) + (1U << 8)) {
      tag_repeat(6);
      put(stored - (1U << 8), 2);
    } else {
      tag_repeat(7);  // 24 bits and more: beyond any block
      put(stored - (1U << 16), 3);
    }
  }

 private:
  void tag_repeat(size_t code) {
    *out_++ = static_cast<uint8_t>(code << 2 | 1);
    *out_++ = 0;
  }
  void put(size_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) *out_++ = static_cast<uint8_t>(value >> (8 * i));
  }

  uint8_t* out_;
};

size_t common_prefix(const uint8_t* a, const uint8_t* b, const uint8_t* b_end) {
  const uint8_t* start = b;
  while (b + 8 <= b_end) {
    uint64_t difference = load64(a) ^ load64(b);
    if (difference != 0) {
      return static_cast<size_t>(b - start) + static_cast<size_t>(std::countr_zero(difference) / 8);
    }
    a += 8;
    b += 8;
  }
  while (b < b_end && *a == *b) ++a, ++b;
  return static_cast<size_t>(b - start);
}

class Search {
 public:
  Search(std::string_view raw, std::vector<uint32_t>& table, Emitter& emit)
      : base_(reinterpret_cast<const uint8_t*>(raw.data())),
        end_(base_ + raw.size()),
        table_(table),
        emit_(emit) {
    unsigned bits = std::clamp<unsigned>(static_cast<unsigned>(std::bit_width(raw.size())),
                                         kMinTableBits, kMaxTableBits);
    shift_ = 64 - bits;
    table_.assign(size_t{1} << bits, 0);
  }

  void run() {
    const uint8_t* limit = end_ - kMargin;
    const uint8_t* at = base_ + 1;
    while (at < limit) {
      // The offset before is tried one byte on: what matched there was cut off by one literal.
      if (repeat_ != 0 && load32(at + 1) == load32(at + 1 - repeat_)) {
        at = take_repeat(at + 1);
        continue;
      }
      const uint8_t* found = swap(at);
      if (load32(found) != load32(at)) {
        at += 1 + (static_cast<size_t>(at - pending_) >> kSkipShift);
        continue;
      }
      at = take(at, found);
    }
    emit_.literal(pending_, static_cast<size_t>(end_ - pending_));
  }

 private:
  // Who stood in the table for the six bytes at `at`, which takes the place.
  const uint8_t* swap(const uint8_t* at) {
    uint64_t hash = ((load64(at) << 16) * 227718039650203ULL) >> shift_;
    const uint8_t* before = base_ + table_[hash];
    table_[hash] = static_cast<uint32_t>(at - base_);
    return before;
  }

  const uint8_t* take_repeat(const uint8_t* at) {
    size_t back = 0;
    while (at - back > pending_ && static_cast<size_t>(at - back - base_) > repeat_ &&
           at[-1 - static_cast<ptrdiff_t>(back)] ==
               (at - repeat_)[-1 - static_cast<ptrdiff_t>(back)]) {
      ++back;
    }
    const uint8_t* start = at - back;
    size_t length = back + 4 + common_prefix(at - repeat_ + 4, at + 4, end_);
    emit_.literal(pending_, static_cast<size_t>(start - pending_));
    emit_.repeat(length);
    return taken(start + length);
  }

  const uint8_t* take(const uint8_t* at, const uint8_t* found) {
    while (at > pending_ && found > base_ && at[-1] == found[-1]) --at, --found;
    size_t length = common_prefix(found, at, end_);
    emit_.literal(pending_, static_cast<size_t>(at - pending_));
    auto offset = static_cast<size_t>(at - found);
    if (offset == repeat_) {
      emit_.repeat(length);
    } else {
      emit_.copy(offset, length);
    }
    repeat_ = offset;
    return taken(at + length);
  }

  const uint8_t* taken(const uint8_t* end) {
    pending_ = end;
    if (end < end_ - kMargin) (void)swap(end - 2);  // so that the seam can be found later
    return end;
  }

  const uint8_t* base_;
  const uint8_t* end_;
  std::vector<uint32_t>& table_;
  Emitter& emit_;
  unsigned shift_ = 0;
  size_t repeat_ = 0;               // offset of the last copy; 0: none yet
  const uint8_t* pending_ = base_;  // what is not written yet starts here
};

}  // namespace

void BlockEncoder::encode(std::string_view raw, std::string& out) {
  NATRIX_ASSERT(raw.size() <= kMaxBlockBytes, "a block has a limit");
  size_t start = out.size();
  out.resize(start + max_encoded_size(raw.size()));
  Emitter emit(reinterpret_cast<uint8_t*>(out.data()) + start);
  emit.number(raw.size());
  if (raw.size() < kMinInput) {
    emit.literal(reinterpret_cast<const uint8_t*>(raw.data()), raw.size());
  } else {
    Search(raw, table_, emit).run();
  }
  out.resize(static_cast<size_t>(emit.end() - reinterpret_cast<uint8_t*>(out.data())));
}

}  // namespace natrix::s2
