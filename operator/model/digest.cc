#include "operator/model/digest.h"

#include <openssl/evp.h>

#include "broker/base/assert.h"

namespace natrix::model {

std::string sha256_hex(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  const int done = EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha256(), nullptr);
  NATRIX_ASSERT(done == 1 && length == 32, "SHA-256 is always available");
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(64);
  for (unsigned int i = 0; i < length; ++i) {
    out += kHex[digest[i] >> 4];
    out += kHex[digest[i] & 15];
  }
  return out;
}

std::string digest_of(const nlohmann::json& document) {
  using Json = nlohmann::json;
  return sha256_hex(document.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace natrix::model
