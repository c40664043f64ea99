// CRC-32C against the values of RFC 3720, appendix B.4, and both ways of computing it against each
// other.
#include "broker/s2/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace natrix::s2 {
namespace {

TEST(Crc32cTest, KnownValues) {
  std::string rising;
  for (int i = 0; i < 32; ++i) rising.push_back(static_cast<char>(i));
  for (auto* sum : {&crc32c, &crc32c_portable}) {
    EXPECT_EQ((*sum)(""), 0U);
    EXPECT_EQ((*sum)("123456789"), 0xe3069283U);
    EXPECT_EQ((*sum)(std::string(32, '\0')), 0x8a9136aaU);
    EXPECT_EQ((*sum)(std::string(32, '\xff')), 0x62a8ab43U);
    EXPECT_EQ((*sum)(rising), 0x46dd794eU);
  }
}

TEST(Crc32cTest, TheInstructionAndTheTablesAgreeAtEveryLengthAndAlignment) {
  std::mt19937_64 random(1);
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes.push_back(static_cast<char>(random()));
  std::string_view view = bytes;
  for (size_t start = 0; start < 9; ++start) {
    for (size_t size = 0; start + size <= view.size(); ++size) {
      std::string_view part = view.substr(start, size);
      ASSERT_EQ(crc32c(part), crc32c_portable(part)) << start << " " << size;
    }
  }
}

}  // namespace
}  // namespace natrix::s2
