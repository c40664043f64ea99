#include "broker/crypto/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <iterator>

#include "broker/base/assert.h"

namespace natrix {

std::array<uint8_t, 32> sha256(std::string_view bytes) {
  std::array<uint8_t, 32> digest;
  unsigned size = 0;
  int ok = EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  NATRIX_ASSERT(ok == 1 && size == digest.size(), "OpenSSL computes SHA-256");
  return digest;
}

std::string sha256_hex(std::string_view bytes) {
  std::string text;
  for (uint8_t byte : sha256(bytes)) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

}  // namespace natrix
