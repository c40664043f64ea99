// The published values (key and data are 0, 1, 2 ...; those of other lengths come from the Go
// library that nats-server uses), and pieces.
#include "broker/crypto/highway_hash.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace natrix {
namespace {

std::array<uint8_t, 32> key() {
  std::array<uint8_t, 32> bytes;
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  return bytes;
}

std::string rising(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

TEST(HighwayHashTest, KnownValues) {
  const std::pair<size_t, uint64_t> values[] = {
      {0, 0x907a56de22c26e53},    {1, 0x7eab43aac7cddd78},  {2, 0xb8d0569ab0b53d62},
      {3, 0x5c6befab8a463d80},    {4, 0xf205a46893007eda},  {5, 0x2b8a1668e4a94541},
      {7, 0x4d02ae1738f59482},    {8, 0xe1205108e55f3171},  {15, 0x40793f86a449f33b},
      {16, 0xcfab3489f97eb832},   {17, 0x19fe67d2c8c5c0e2}, {18, 0x04dd90a69c565cc2},
      {19, 0x75d9518e2371c504},   {20, 0x38ad9b1141d3dd16}, {31, 0x9fc7007ccf035a68},
      {32, 0xa0c964d9ecd580fc},   {33, 0x2c90f73ca03181fc}, {47, 0x1326bac06b911e08},
      {63, 0xab8eebe9bf2139a0},   {64, 0x75542c5d4cd2a6ff}, {65, 0x4a36b315b88a8e62},
      {1000, 0x8d6f247785b84d4f},
  };
  for (auto [size, sum] : values) {
    HighwayHash hash(key());
    hash.update(rising(size));
    EXPECT_EQ(hash.sum(), sum) << size;
  }
}

TEST(HighwayHashTest, PiecesAreOne) {
  std::string bytes = rising(200);
  HighwayHash whole(key());
  whole.update(bytes);
  for (size_t piece = 1; piece < 70; ++piece) {
    HighwayHash hash(key());
    for (size_t at = 0; at < bytes.size(); at += piece) {
      hash.update(std::string_view(bytes).substr(at, piece));
      (void)hash.sum();  // asking changes nothing
    }
    EXPECT_EQ(hash.sum(), whole.sum()) << piece;
  }
}

}  // namespace
}  // namespace natrix
