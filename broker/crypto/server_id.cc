#include "broker/crypto/server_id.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <memory>

#include "broker/base/assert.h"
#include "broker/crypto/nkey.h"

namespace natrix {
namespace {

constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

Ed25519Key new_public_key() {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free);
  NATRIX_ASSERT(key != nullptr, "OpenSSL makes ed25519 keys");
  Ed25519Key bytes;
  size_t size = bytes.size();
  int ok = EVP_PKEY_get_raw_public_key(key.get(), bytes.data(), &size);
  NATRIX_ASSERT(ok == 1 && size == bytes.size(), "an ed25519 public key has 32 bytes");
  return bytes;
}

}  // namespace

std::string new_server_id() {
  return encode_nkey(NkeyKind::kServer, new_public_key());
}

bool is_server_id(std::string_view text) {
  return decode_nkey(NkeyKind::kServer, text).has_value();
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
