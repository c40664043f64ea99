// Randomness that repeats: everything a crash does to a disk comes from the seed of one of these.
//
// Not std::uniform_int_distribution, whose results differ between libraries.
#pragma once

#include <cstdint>

namespace natrix::crash {

class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}

  // splitmix64.
  uint64_t roll() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // 0 to limit − 1; limit above 0.
  uint64_t below(uint64_t limit) { return roll() % limit; }
  bool percent(unsigned chance) { return below(100) < chance; }

 private:
  uint64_t state_;
};

}  // namespace natrix::crash
