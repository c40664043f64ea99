#include "broker/crypto/nkey.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "broker/crypto/base64.h"

namespace natrix {
namespace {

std::vector<uint8_t> bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

// Made with the nkeys library of Python from the seed of the bytes 0 to 31.
const std::string kUser = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";
const std::string kSigned = "nonce-of-15-chr";
const std::string kSignature =
    "ud1L7KBjLRJPfnDgPAA_8KY456RRbB7ZSe3o5XWZ3thqMv0VKwBmoSnxHT5WjpZXdu-Em2zD7IwaQh8exwZbBg";

TEST(Crc16, MatchesThePublishedCheckValue) {
  EXPECT_EQ(crc16(bytes("123456789")), 0x31C3);
  EXPECT_EQ(crc16({}), 0);
}

TEST(Base32, MatchesTheVectorsOfRfc4648WithoutPadding) {
  EXPECT_EQ(base32_encode(bytes("")), "");
  EXPECT_EQ(base32_encode(bytes("f")), "MY");
  EXPECT_EQ(base32_encode(bytes("fo")), "MZXQ");
  EXPECT_EQ(base32_encode(bytes("foo")), "MZXW6");
  EXPECT_EQ(base32_encode(bytes("foob")), "MZXW6YQ");
  EXPECT_EQ(base32_encode(bytes("fooba")), "MZXW6YTB");
  EXPECT_EQ(base32_encode(bytes("foobar")), "MZXW6YTBOI");
}

TEST(Nkey, ComesBackFromItsText) {
  auto key = decode_nkey(NkeyKind::kUser, kUser);
  ASSERT_TRUE(key);
  EXPECT_EQ(encode_nkey(NkeyKind::kUser, *key), kUser);
  EXPECT_EQ(encode_nkey(NkeyKind::kAccount, *key).front(), 'A');
  EXPECT_EQ(encode_nkey(NkeyKind::kOperator, *key).front(), 'O');
  EXPECT_EQ(encode_nkey(NkeyKind::kServer, *key).front(), 'N');
}

TEST(Nkey, RefusesDamageAndOtherKinds) {
  auto key = decode_nkey(NkeyKind::kUser, kUser);
  ASSERT_TRUE(key);
  EXPECT_FALSE(decode_nkey(NkeyKind::kAccount, kUser));
  EXPECT_FALSE(decode_nkey(NkeyKind::kUser, encode_nkey(NkeyKind::kAccount, *key)));
  for (size_t i = 0; i < kUser.size(); ++i) {
    std::string damaged = kUser;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(decode_nkey(NkeyKind::kUser, damaged)) << i;
  }
  EXPECT_FALSE(decode_nkey(NkeyKind::kUser, ""));
  EXPECT_FALSE(decode_nkey(NkeyKind::kUser, kUser + "A"));
  EXPECT_FALSE(decode_nkey(NkeyKind::kUser, kUser.substr(1)));
  EXPECT_FALSE(decode_nkey(NkeyKind::kUser, std::string(56, '!')));
}

TEST(Nkey, ASignatureHoldsForItsTextAndKeyOnly) {
  auto key = decode_nkey(NkeyKind::kUser, kUser);
  ASSERT_TRUE(key);
  EXPECT_TRUE(signed_by(*key, kSigned, kSignature));
  EXPECT_FALSE(signed_by(*key, "nonce-of-15-chs", kSignature));
  EXPECT_FALSE(signed_by(*key, "", kSignature));
  Ed25519Key other = *key;
  other[7] ^= 1;
  EXPECT_FALSE(signed_by(other, kSigned, kSignature));
  std::string damaged = kSignature;
  damaged[5] = damaged[5] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(signed_by(*key, kSigned, damaged));
}

TEST(Nkey, ASignatureMayBeInUsualBase64) {
  auto key = decode_nkey(NkeyKind::kUser, kUser);
  ASSERT_TRUE(key);
  std::string usual = kSignature + "==";
  for (char& c : usual) c = c == '-' ? '+' : c == '_' ? '/' : c;
  EXPECT_TRUE(signed_by(*key, kSigned, usual));
  EXPECT_FALSE(signed_by(*key, kSigned, kSignature + "=="));
}

TEST(Nkey, WhatIsNoSignatureIsRefused) {
  auto key = decode_nkey(NkeyKind::kUser, kUser);
  ASSERT_TRUE(key);
  for (const std::string& text : {std::string(), std::string("!"), std::string("AAAA"),
                                  kSignature + "AAAA", kSignature.substr(0, 40)})
    EXPECT_FALSE(signed_by(*key, kSigned, text)) << text;
}

TEST(Nonce, NeverRepeats) {
  std::set<Nonce> seen;
  for (int i = 0; i < 100; ++i) {
    Nonce nonce = new_nonce();
    EXPECT_TRUE(base64_url_decode({nonce.data(), nonce.size()}));
    EXPECT_TRUE(seen.insert(nonce).second);
  }
}

}  // namespace
}  // namespace natrix
