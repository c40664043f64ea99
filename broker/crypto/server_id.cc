#include "broker/crypto/server_id.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <memory>

#include "broker/base/assert.h"

namespace natrix {
namespace {

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr size_t kKeyBytes = 32;
constexpr uint8_t kServerPrefix = 13 << 3;        // makes the first base32 character 'N'
constexpr size_t kNkeyBytes = 1 + kKeyBytes + 2;  // prefix, key, checksum
constexpr size_t kNkeyChars = kNkeyBytes * 8 / 5;

std::array<uint8_t, kKeyBytes> new_public_key() {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free);
  NATRIX_ASSERT(key != nullptr, "OpenSSL makes ed25519 keys");
  std::array<uint8_t, kKeyBytes> bytes;
  size_t size = bytes.size();
  int ok = EVP_PKEY_get_raw_public_key(key.get(), bytes.data(), &size);
  NATRIX_ASSERT(ok == 1 && size == kKeyBytes, "an ed25519 public key has 32 bytes");
  return bytes;
}

// False for characters outside the alphabet or a length that is no whole number of bytes.
bool base32_decode(std::string_view text, std::span<uint8_t> bytes) {
  if (text.size() * 5 != bytes.size() * 8) return false;
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

std::string new_server_id() {
  std::array<uint8_t, kNkeyBytes> raw;
  raw[0] = kServerPrefix;
  auto key = new_public_key();
  std::copy(key.begin(), key.end(), raw.begin() + 1);
  uint16_t crc = crc16(std::span(raw).first(1 + kKeyBytes));
  raw[kNkeyBytes - 2] = static_cast<uint8_t>(crc & 0xFF);
  raw[kNkeyBytes - 1] = static_cast<uint8_t>(crc >> 8);
  return base32_encode(raw);
}

bool is_server_id(std::string_view text) {
  std::array<uint8_t, kNkeyBytes> raw;
  if (text.size() != kNkeyChars || !base32_decode(text, raw) || raw[0] != kServerPrefix)
    return false;
  uint16_t crc = crc16(std::span(raw).first(1 + kKeyBytes));
  return raw[kNkeyBytes - 2] == (crc & 0xFF) && raw[kNkeyBytes - 1] == crc >> 8;
}

std::string random_token(size_t length) {
  // A byte of 62 * 4 or more is thrown away: taking it modulo 62 would favour some characters.
  constexpr uint8_t kUsable = 62 * 4;
  std::string text;
  while (text.size() < length) {
    std::array<uint8_t, 64> random;
    int ok = RAND_bytes(random.data(), random.size());
    NATRIX_ASSERT(ok == 1, "the random source works");
    for (uint8_t byte : random) {
      if (byte < kUsable && text.size() < length) text += kBase62[byte % 62];
    }
  }
  return text;
}

}  // namespace natrix
