// Numbers in bytes that need not be aligned, little endian; varints as Go's encoding/binary has
// them; and the queue of bytes a form reads from. Pure.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace natrix::jetstream::archive {

static_assert(std::endian::native == std::endian::little, "loads are not swapped");

template <class T>
T load(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

inline void put_uvarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}
inline void put_varint(std::string& out, int64_t value) {
  put_uvarint(out, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

enum class Taken : uint8_t { kYes, kCutShort, kMalformed };

// Takes a number off the front of `in`, which stays as it was otherwise.
inline Taken take_uvarint(std::string_view& in, uint64_t& value) {
  value = 0;
  for (size_t i = 0; i < 10; ++i) {
    if (i == in.size()) return Taken::kCutShort;
    auto byte = static_cast<uint8_t>(in[i]);
    if (i == 9 && byte > 1) return Taken::kMalformed;
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      in.remove_prefix(i + 1);
      return Taken::kYes;
    }
  }
  return Taken::kMalformed;
}
inline Taken take_varint(std::string_view& in, int64_t& value) {
  uint64_t raw = 0;
  Taken taken = take_uvarint(in, raw);
  value = static_cast<int64_t>(raw >> 1) ^ -static_cast<int64_t>(raw & 1);
  return taken;
}

// Bytes that came and are not used yet. Views last until the next append().
class ByteQueue {
 public:
  void append(std::string_view bytes) {
    bytes_.erase(0, used_);
    used_ = 0;
    bytes_.append(bytes);
  }
  [[nodiscard]] std::string_view view() const { return std::string_view(bytes_).substr(used_); }
  [[nodiscard]] size_t size() const { return bytes_.size() - used_; }
  void consume(size_t count) { used_ += count; }

 private:
  std::string bytes_;
  size_t used_ = 0;
};

}  // namespace natrix::jetstream::archive
