#include "broker/tls/suites.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <memory>

namespace natrix::tls {

namespace {

constexpr Suite kSuites[] = {
    {"TLS_AES_128_GCM_SHA256", false, true},
    {"TLS_AES_256_GCM_SHA384", false, true},
    {"TLS_CHACHA20_POLY1305_SHA256", false, true},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
    {"TLS_RSA_WITH_RC4_128_SHA", true},
    {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", true},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", true},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", true},
    {"TLS_RSA_WITH_AES_128_CBC_SHA256", true},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", true},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", true},
    {"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", true},
    {"TLS_ECDHE_RSA_WITH_RC4_128_SHA", true},
    {"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", true},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", true},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", true},
};

constexpr Curve kCurves[] = {
    {"X25519", "X25519"},   {"CurveP256", "P-256"}, {"CurveP384", "P-384"},
    {"CurveP521", "P-521"}, {"X25519MLKEM768", ""},
};

template <class T>
const T* find(std::span<const T> all, std::string_view name) {
  auto found = std::find_if(all.begin(), all.end(), [&](const T& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

std::span<const Suite> suites() {
  return kSuites;
}

std::span<const Curve> curves() {
  return kCurves;
}

const Suite* find_suite(std::string_view name) {
  return find(suites(), name);
}

const Curve* find_curve(std::string_view name) {
  return find(curves(), name);
}

bool available(const Suite& suite) {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_method()),
                                                            SSL_CTX_free);
  if (!context) return false;
  std::string name = OPENSSL_cipher_name(std::string(suite.name).c_str());
  return suite.tls13 ? SSL_CTX_set_ciphersuites(context.get(), name.c_str()) == 1
                     : SSL_CTX_set_cipher_list(context.get(), name.c_str()) == 1;
}

}  // namespace natrix::tls
