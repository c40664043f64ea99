// Blocks: every operation by its bytes, what must be refused, and round trips over data that makes
// the encoder use each form of copy.
#include "broker/s2/block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/s2/go_vectors.h"

namespace natrix::s2 {
namespace {

using testing::from_hex;
using testing::lines;

std::string decoded(std::string_view block) {
  auto out = decode_block(block, size_t{1} << 24);
  return out ? *out : "error: " + out.error().message;
}

bool refused(std::string_view block) {
  return !decode_block(block, size_t{1} << 24).ok();
}

std::string encoded(std::string_view raw) {
  BlockEncoder encoder;
  std::string out;
  encoder.encode(raw, out);
  return out;
}

TEST(S2BlockTest, Literals) {
  EXPECT_EQ(decoded(from_hex("00")), "");
  EXPECT_EQ(decoded(from_hex("0308616263")), "abc");
  EXPECT_EQ(decoded(from_hex("03f002616263")), "abc");
  EXPECT_EQ(decoded(from_hex("03f40200616263")), "abc");
  EXPECT_EQ(decoded(from_hex("03f8020000616263")), "abc");
  EXPECT_EQ(decoded(from_hex("03fc02000000616263")), "abc");
}

TEST(S2BlockTest, Copies) {
  EXPECT_EQ(decoded(from_hex("07086162630103")), "abcabca");               // 1 byte of offset
  EXPECT_EQ(decoded(from_hex("0508616263060300")), "abcab");               // 2 bytes
  EXPECT_EQ(decoded(from_hex("04086162630303000000")), "abca");            // 4 bytes
  EXPECT_EQ(decoded(from_hex("09006101010100")), "aaaaaaaaa");             // a repeat of 4
  EXPECT_EQ(decoded(from_hex("0d00610101150000")), std::string(13, 'a'));  // 4 + 4 + 0
}

TEST(S2BlockTest, LongRepeats) {
  std::string raw(5000 * 16, ' ');
  for (size_t i = 0; i < raw.size(); ++i) raw[i] = "0123456789abcdef"[i % 16];
  raw.append(100000, 'z');
  EXPECT_TRUE(decoded(from_hex(testing::kGoRepeats)) == raw);
  std::string ours = encoded(raw);
  EXPECT_LT(ours.size(), 64U);
  EXPECT_TRUE(decoded(ours) == raw);
}

TEST(S2BlockTest, RefusesWhatDoesNotFit) {
  for (const char* block : {
           "",                      // no length
           "80",                    // half a length
           "8080808010",            // a length of 33 bits
           "ffffffffffffffffff7f",  // and one of 64
           "01",                    // nothing behind the length
           "0408616263",            // decodes to less
           "0208616263",            // decodes to more
           "03086162",              // a literal cut short
           "03f0",                  // its length cut short
           "03f402",                //
           "0700610502",            // a copy from before the beginning
           "05006101",              // a copy cut short
           "0500610a01",            //
           "0500610f010000",        //
           "0500610a0000",          // offset 0 in the long form
           "0500610100",            // a repeat before any copy
           "0b0061010115",          // a repeat whose length is missing
           "0b00610101190000",      // and half missing
           "06006101010100",        // a copy beyond the end
       }) {
    EXPECT_TRUE(refused(from_hex(block))) << block;
  }
}

TEST(S2BlockTest, TheLimitIsCheckedBeforeRoomIsMade) {
  auto out = decode_block(from_hex("ffffffff0f00"), 1000);
  ASSERT_FALSE(out.ok());
  EXPECT_THAT(out.error().message, ::testing::HasSubstr("larger than allowed"));
  EXPECT_EQ(*decoded_size(from_hex("ffffffff0f00")), 0xffffffffU);
}

TEST(S2BlockTest, RoundTrips) {
  std::mt19937_64 random(2);
  for (size_t size : {0, 1, 31, 32, 33, 60, 61, 255, 256, 257, 1000, 65535, 65536, 65537, 300000}) {
    for (int kind = 0; kind < 4; ++kind) {
      std::string raw(size, '\0');
      for (size_t i = 0; i < size; ++i) {
        if (kind == 0) raw[i] = static_cast<char>(random());
        if (kind == 1) raw[i] = "ab"[random() % 2];
        if (kind == 2) raw[i] = static_cast<char>(i / 700);
      }
      if (kind == 3) {  // copies near and far, of all lengths
        for (char& c : raw) c = static_cast<char>(random());
        for (int i = 0; i < 100 && size > 100; ++i) {
          size_t length = 1 + random() % std::min<size_t>(size / 2, 1000);
          raw.replace(random() % (size - length), length,
                      std::string(raw, random() % (size - length), length));
        }
      }
      std::string block = encoded(raw);
      ASSERT_LE(block.size(), max_encoded_size(size));
      ASSERT_TRUE(decoded(block) == raw) << size << " " << kind;
    }
  }
}

TEST(S2BlockTest, CompressesText) {
  std::string raw = lines(10000);
  EXPECT_LT(encoded(raw).size(), raw.size() / 3);
}

TEST(S2BlockTest, AnEncoderMayBeUsedAgain) {
  BlockEncoder encoder;
  for (int i = 0; i < 20; ++i) {
    std::string raw = lines(20 - i);
    std::string out = "before";
    encoder.encode(raw, out);
    EXPECT_EQ(out.substr(0, 6), "before");
    EXPECT_EQ(decoded(out.substr(6)), raw);
  }
}

}  // namespace
}  // namespace natrix::s2
