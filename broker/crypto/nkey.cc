#include "broker/crypto/nkey.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>

#include "broker/base/assert.h"
#include "broker/crypto/base64.h"

namespace natrix {
namespace {

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr size_t kKeyBytes = std::tuple_size_v<Ed25519Key>;
constexpr size_t kNkeyBytes = 1 + kKeyBytes + 2;  // kind, key, checksum
constexpr size_t kNkeyChars = kNkeyBytes * 8 / 5;
constexpr size_t kSignatureBytes = 64;

using NkeyBytes = std::array<uint8_t, kNkeyBytes>;

uint16_t checksum(const NkeyBytes& raw) {
  return crc16(std::span(raw).first(1 + kKeyBytes));
}

// False for characters outside the alphabet.
bool base32_decode(std::string_view text, NkeyBytes& bytes) {
  NATRIX_ASSERT(text.size() == kNkeyChars, "the text of an nkey is a whole number of bytes");
  uint32_t bits = 0;
  int count = 0;
  size_t written = 0;
  for (char c : text) {
    size_t value = kBase32.find(c);
    if (value == std::string_view::npos) return false;
    bits = (bits << 5 | static_cast<uint32_t>(value)) & 0xFFFF;
    count += 5;
    if (count >= 8) {
      count -= 8;
      bytes[written++] = static_cast<uint8_t>(bits >> count);
    }
  }
  return true;
}

}  // namespace

uint16_t crc16(std::span<const uint8_t> bytes) {
  uint16_t crc = 0;
  for (uint8_t byte : bytes) {
    crc = static_cast<uint16_t>(crc ^ byte << 8);
    for (int bit = 0; bit < 8; ++bit)
      crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1);
  }
  return crc;
}

std::string base32_encode(std::span<const uint8_t> bytes) {
  std::string text;
  text.reserve((bytes.size() * 8 + 4) / 5);
  uint32_t bits = 0;
  int count = 0;
  for (uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 5; count -= 5) text += kBase32[bits >> (count - 5) & 31];
    bits &= 0xFF;
  }
  if (count > 0) text += kBase32[bits << (5 - count) & 31];
  return text;
}

std::string encode_nkey(NkeyKind kind, const Ed25519Key& key) {
  NkeyBytes raw;
  raw[0] = static_cast<uint8_t>(kind);
  std::copy(key.begin(), key.end(), raw.begin() + 1);
  uint16_t crc = checksum(raw);
  raw[kNkeyBytes - 2] = static_cast<uint8_t>(crc & 0xFF);
  raw[kNkeyBytes - 1] = static_cast<uint8_t>(crc >> 8);
  return base32_encode(raw);
}

std::optional<Ed25519Key> decode_nkey(NkeyKind kind, std::string_view text) {
  NkeyBytes raw;
  if (text.size() != kNkeyChars || !base32_decode(text, raw) ||
      raw[0] != static_cast<uint8_t>(kind))
    return std::nullopt;
  uint16_t crc = checksum(raw);
  if (raw[kNkeyBytes - 2] != (crc & 0xFF) || raw[kNkeyBytes - 1] != crc >> 8) return std::nullopt;
  Ed25519Key key;
  std::copy_n(raw.begin() + 1, kKeyBytes, key.begin());
  return key;
}

Nonce new_nonce() {
  std::array<uint8_t, 11> random;
  int ok = RAND_bytes(random.data(), random.size());
  NATRIX_ASSERT(ok == 1, "the random source works");
  std::string text = base64_url_encode(random);
  Nonce nonce;
  NATRIX_ASSERT(text.size() == nonce.size(), "11 bytes are 15 characters");
  std::copy(text.begin(), text.end(), nonce.begin());
  return nonce;
}

bool signed_by(const Ed25519Key& key, std::string_view text, std::string_view signature) {
  auto bytes = base64_url_decode(signature);
  if (!bytes) bytes = base64_decode(signature);
  if (!bytes || bytes->size() != kSignatureBytes) return false;
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> public_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
      &EVP_PKEY_free);
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                  &EVP_MD_CTX_free);
  if (!public_key || !context) return false;
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes->data(), bytes->size(),
                          reinterpret_cast<const uint8_t*>(text.data()), text.size()) == 1;
}

}  // namespace natrix
