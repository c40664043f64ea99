#include "broker/crypto/highway_hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace natrix {

static_assert(std::endian::native == std::endian::little, "loads are not swapped");

namespace {

constexpr size_t kPacket = 32;
constexpr uint64_t kLow = 0xffffffff;

// Spreads the bytes of two lanes over two others; part of the published algorithm.
void zipper_merge_and_add(uint64_t v1, uint64_t v0, uint64_t& add1, uint64_t& add0) {
  add0 += (((v0 & 0xff000000) | (v1 & 0xff00000000)) >> 24) |
          (((v0 & 0xff0000000000) | (v1 & 0xff000000000000)) >> 16) | (v0 & 0xff0000) |
          ((v0 & 0xff00) << 32) | ((v1 & 0xff00000000000000) >> 8) | (v0 << 56);
  add1 += (((v1 & 0xff000000) | (v0 & 0xff00000000)) >> 24) | (v1 & 0xff0000) |
          ((v1 & 0xff0000000000) >> 16) | ((v1 & 0xff00) << 24) | ((v0 & 0xff000000000000) >> 8) |
          ((v1 & 0xff) << 48) | (v0 & 0xff00000000000000);
}

}  // namespace

HighwayHash::HighwayHash(std::span<const uint8_t, 32> key) {
  state_.mul0 = {0xdbe6d5d5fe4cce2f, 0xa4093822299f31d0, 0x13198a2e03707344, 0x243f6a8885a308d3};
  state_.mul1 = {0x3bd39e10cb0ef593, 0xc0acf169b5f18a8c, 0xbe5466cf34e90c6c, 0x452821e638d01377};
  Lanes lanes;
  std::memcpy(lanes.data(), key.data(), key.size());
  for (size_t i = 0; i < 4; ++i) {
    state_.v0[i] = state_.mul0[i] ^ lanes[i];
    state_.v1[i] = state_.mul1[i] ^ std::rotl(lanes[i], 32);
  }
}

void HighwayHash::State::packet(const Lanes& lanes) {
  for (size_t i = 0; i < 4; ++i) {
    v1[i] += mul0[i] + lanes[i];
    mul0[i] ^= (v1[i] & kLow) * (v0[i] >> 32);
    v0[i] += mul1[i];
    mul1[i] ^= (v0[i] & kLow) * (v1[i] >> 32);
  }
  zipper_merge_and_add(v1[1], v1[0], v0[1], v0[0]);
  zipper_merge_and_add(v1[3], v1[2], v0[3], v0[2]);
  zipper_merge_and_add(v0[1], v0[0], v1[1], v1[0]);
  zipper_merge_and_add(v0[3], v0[2], v1[3], v1[2]);
}

void HighwayHash::State::packet(const char* bytes) {
  Lanes lanes;
  std::memcpy(lanes.data(), bytes, kPacket);
  packet(lanes);
}

// The last 1 to 31 bytes.
void HighwayHash::State::remainder(const char* bytes, size_t size) {
  for (size_t i = 0; i < 4; ++i) {
    v0[i] += (static_cast<uint64_t>(size) << 32) + size;
    auto low = std::rotl(static_cast<uint32_t>(v1[i]), static_cast<int>(size));
    auto high = std::rotl(static_cast<uint32_t>(v1[i] >> 32), static_cast<int>(size));
    v1[i] = static_cast<uint64_t>(high) << 32 | low;
  }
  size_t odd = size & 3;
  size_t whole = size - odd;
  char last[kPacket] = {};
  std::memcpy(last, bytes, whole);
  if ((size & 16) != 0) {
    std::memcpy(last + 28, bytes + size - 4, 4);
  } else if (odd != 0) {
    last[16] = bytes[whole];
    last[17] = bytes[whole + (odd >> 1)];
    last[18] = bytes[whole + odd - 1];
  }
  packet(last);
}

uint64_t HighwayHash::State::finish() {
  for (int round = 0; round < 4; ++round) {
    packet(Lanes{std::rotl(v0[2], 32), std::rotl(v0[3], 32), std::rotl(v0[0], 32),
                 std::rotl(v0[1], 32)});
  }
  return v0[0] + v1[0] + mul0[0] + mul1[0];
}

void HighwayHash::update(std::string_view bytes) {
  if (pending_size_ > 0) {
    size_t taken = std::min(bytes.size(), kPacket - pending_size_);
    std::copy_n(bytes.data(), taken, pending_.data() + pending_size_);
    pending_size_ += taken;
    bytes.remove_prefix(taken);
    if (pending_size_ < kPacket) return;
    state_.packet(pending_.data());
    pending_size_ = 0;
  }
  for (; bytes.size() >= kPacket; bytes.remove_prefix(kPacket)) state_.packet(bytes.data());
  std::copy_n(bytes.data(), bytes.size(), pending_.data());
  pending_size_ = bytes.size();
}

uint64_t HighwayHash::sum() const {
  State last = state_;
  if (pending_size_ > 0) last.remainder(pending_.data(), pending_size_);
  return last.finish();
}

}  // namespace natrix
