// HighwayHash with 64 bits: the keyed checksum of nats-server's files. Portable form of the
// published algorithm (github.com/google/highwayhash). One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace natrix {

class HighwayHash {
 public:
  explicit HighwayHash(std::span<const uint8_t, 32> key);

  // Several calls hash what they are given as if it stood in one piece.
  void update(std::string_view bytes);
  // Of everything so far; more may follow.
  [[nodiscard]] uint64_t sum() const;

 private:
  using Lanes = std::array<uint64_t, 4>;
  struct State {
    Lanes v0;
    Lanes v1;
    Lanes mul0;
    Lanes mul1;
    void packet(const Lanes& lanes);
    void packet(const char* bytes);
    void remainder(const char* bytes, size_t size);
    uint64_t finish();
  };

  State state_;
  std::array<char, 32> pending_{};  // not a whole packet yet
  size_t pending_size_ = 0;
};

}  // namespace natrix
