#include "broker/tls/context.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "broker/base/assert.h"
#include "broker/crypto/sha256.h"
#include "broker/tls/openssl.h"
#include "broker/tls/suites.h"

namespace natrix::tls {

namespace {

using CertPtr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using ChainPtr = std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

constexpr size_t kMaxFileBytes = 4 << 20;

void free_chain(STACK_OF(X509) * chain) {
  sk_X509_pop_free(chain, X509_free);
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  // A folder opens, but cannot be read.
  if (!file || !(text << file.rdbuf())) {
    return fail(fmt::format("open {}: {}", path, std::strerror(errno == 0 ? EISDIR : errno)));
  }
  std::string bytes = std::move(text).str();
  if (bytes.size() > kMaxFileBytes) return fail(fmt::format("{} is too large to be PEM", path));
  return bytes;
}

BioPtr bio_of(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

// A key with a passphrase must not make the process ask for it on the terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

// All certificates of the text.
std::vector<CertPtr> certificates_in(const std::string& pem) {
  std::vector<CertPtr> all;
  BioPtr bio = bio_of(pem);
  for (;;) {
    CertPtr one(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr), X509_free);
    if (!one) break;
    all.push_back(std::move(one));
  }
  ERR_clear_error();  // the end of the text is reported as an error
  return all;
}

}  // namespace

// A certificate with its key and the chain to its authority.
struct Identity {
  CertPtr certificate{nullptr, X509_free};
  KeyPtr key{nullptr, EVP_PKEY_free};
  ChainPtr chain{nullptr, free_chain};

  [[nodiscard]] bool serves(const char* host) const {
    return X509_check_host(certificate.get(), host, 0, 0, nullptr) == 1;
  }
};

struct Context::Identities {
  std::vector<Identity> all;
};

class Context::Maker {
 public:
  explicit Maker(const Options& options) : context_(new Context) { context_->options_ = options; }

  Result<std::shared_ptr<const Context>> make() {
    context_->native_ = SSL_CTX_new(TLS_method());
    NATRIX_ASSERT(context_->native_ != nullptr, "OpenSSL makes contexts");
    set_rules();
    using Step = Result<void> (Maker::*)();
    for (Step step : {&Maker::set_suites, &Maker::set_curves, &Maker::load_identities,
                      &Maker::load_authorities}) {
      if (Result<void> done = (this->*step)(); !done) return fail(done.error().message);
    }
    context_->digest_ = sha256_hex(content_);
    return std::shared_ptr<const Context>(std::move(context_));
  }

 private:
  SSL_CTX* native() { return context_->native_; }
  [[nodiscard]] const Options& options() const { return context_->options_; }

  void set_rules() {
    int least = options().min_version == Version::k13 ? TLS1_3_VERSION : TLS1_2_VERSION;
    SSL_CTX_set_min_proto_version(native(), least);
    SSL_CTX_set_options(native(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                      SSL_OP_CIPHER_SERVER_PREFERENCE |
                                      SSL_OP_IGNORE_UNEXPECTED_EOF);
    // An idle connection keeps no record buffers; the chain is what the file says.
    SSL_CTX_set_mode(native(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    // Sessions are resumed by tickets, which the peers keep: there is nothing to grow here. The
    // keys of tickets are the context's own, so that a reload ends them.
    SSL_CTX_set_session_cache_mode(native(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(native(), 1);
    static constexpr unsigned char kSessions[] = "natrix";
    SSL_CTX_set_session_id_context(native(), kSessions, sizeof(kSessions) - 1);
    SSL_CTX_set_default_passwd_cb(native(), no_passphrase);
    auto note = [this](auto&& text) {
      content_ += fmt::format("{}\n", std::forward<decltype(text)>(text));
    };
    note(options().verify);
    note(options().map);
    note(options().check_known_urls);
    note(options().insecure);
    note(options().timeout.count());
    note(options().handshake_first);
    note(options().fallback.count());
    note(options().connection_rate_limit);
    note(static_cast<int>(options().min_version));
    note(fmt::join(options().cipher_suites, ","));
    note(fmt::join(options().curves, ","));
    note(fmt::join(options().pinned_certs, ","));
  }

  Result<void> set_suites() {
    if (options().cipher_suites.empty()) {
      // Forward secrecy and authenticated encryption first; CBC for those who have nothing else.
      SSL_CTX_set_cipher_list(native(),
                              "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                              "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                              "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                              "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"
                              "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA");
      SSL_CTX_set_ciphersuites(native(),
                               "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                               "TLS_CHACHA20_POLY1305_SHA256");
      return {};
    }
    std::string list12, list13;
    for (const std::string& name : options().cipher_suites) {
      const Suite* suite = find_suite(name);
      if (suite == nullptr) return fail("unrecognized cipher " + name);
      if (!available(*suite)) {
        return fail(fmt::format("cipher suite {} is not in this OpenSSL; remove it", name));
      }
      std::string& list = suite->tls13 ? list13 : list12;
      list += (list.empty() ? "" : ":") + std::string(OPENSSL_cipher_name(name.c_str()));
    }
    if (!list13.empty()) SSL_CTX_set_ciphersuites(native(), list13.c_str());
    if (!list12.empty()) {
      SSL_CTX_set_cipher_list(native(), list12.c_str());
    } else {
      SSL_CTX_set_min_proto_version(native(), TLS1_3_VERSION);
    }
    return {};
  }

  Result<void> set_curves() {
    std::string list;
    for (const std::string& name : options().curves) {
      const Curve* curve = find_curve(name);
      if (curve == nullptr) return fail("unrecognized curve preference " + name);
      if (curve->openssl.empty()) {
        return fail(fmt::format("curve {} is not in this OpenSSL; remove it", name));
      }
      list += (list.empty() ? "" : ":") + std::string(curve->openssl);
    }
    if (list.empty()) list = "X25519:P-256:P-384:P-521";
    if (SSL_CTX_set1_groups_list(native(), list.c_str()) != 1) return fail(openssl_error());
    return {};
  }

  Result<void> load_identities() {
    auto identities = std::make_unique<Identities>();
    for (const KeyPair& pair : options().certificates) {
      Result<Identity> identity = load(pair);
      if (!identity) {
        return fail("error parsing X509 certificate/key pair: " + identity.error().message);
      }
      identities->all.push_back(std::move(*identity));
    }
    if (identities->all.empty()) return {};
    Identity& first = identities->all.front();
    if (SSL_CTX_use_cert_and_key(native(), first.certificate.get(), first.key.get(),
                                 first.chain.get(), 1) != 1) {
      return fail(fmt::format("{}: {}", options().certificates[0].cert_file, openssl_error()));
    }
    context_->certificate_ = facts_of(first.certificate.get());
    if (identities->all.size() > 1) {
      SSL_CTX_set_cert_cb(native(), choose_identity, identities.get());
    }
    context_->identities_ = std::move(identities);
    return {};
  }

  Result<Identity> load(const KeyPair& pair) {
    Result<std::string> cert_pem = read_file(pair.cert_file);
    if (!cert_pem) return fail(cert_pem.error().message);
    Result<std::string> key_pem = read_file(pair.key_file);
    if (!key_pem) return fail(key_pem.error().message);
    content_ += *cert_pem + *key_pem;
    std::vector<CertPtr> certificates = certificates_in(*cert_pem);
    if (certificates.empty()) {
      return fail(
          fmt::format("failed to find any PEM data in certificate input {}", pair.cert_file));
    }
    Identity identity;
    identity.certificate = std::move(certificates.front());
    identity.chain.reset(sk_X509_new_null());
    for (size_t i = 1; i < certificates.size(); ++i) {
      sk_X509_push(identity.chain.get(), certificates[i].release());
    }
    identity.key.reset(
        PEM_read_bio_PrivateKey(bio_of(*key_pem).get(), nullptr, no_passphrase, nullptr));
    OPENSSL_cleanse(key_pem->data(), key_pem->size());
    if (!identity.key) {
      ERR_clear_error();
      return fail(
          fmt::format("{} holds no private key in PEM without a passphrase", pair.key_file));
    }
    if (X509_check_private_key(identity.certificate.get(), identity.key.get()) != 1) {
      ERR_clear_error();
      return fail(fmt::format("private key of {} does not match public key of {}", pair.key_file,
                              pair.cert_file));
    }
    return identity;
  }

  Result<void> load_authorities() {
    if (options().ca_file.empty()) {
      SSL_CTX_set_default_verify_paths(native());
      ERR_clear_error();
      return {};
    }
    Result<std::string> pem = read_file(options().ca_file);
    if (!pem) return fail(pem.error().message);
    content_ += *pem;
    std::vector<CertPtr> authorities = certificates_in(*pem);
    if (authorities.empty()) {
      return fail(
          fmt::format("failed to parse root ca certificate: {} holds none", options().ca_file));
    }
    X509_STORE* store = SSL_CTX_get_cert_store(native());
    for (const CertPtr& authority : authorities) {
      X509_STORE_add_cert(store, authority.get());
      // Who has several certificates chooses by these names.
      SSL_CTX_add_client_CA(native(), authority.get());
    }
    // Whatever is in the file is trusted, even if it is not a root.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    ERR_clear_error();
    return {};
  }

  // Called in a handshake: those that fit the name the peer asks for, one for each type of key.
  static int choose_identity(SSL* ssl, void* identities) {
    const char* host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (SSL_is_server(ssl) == 0 || host == nullptr) return 1;
    const auto& all = static_cast<Identities*>(identities)->all;
    std::vector<const Identity*> chosen;
    for (const Identity& identity : all) {
      bool another_type = true;
      for (const Identity* one : chosen) {
        another_type &=
            EVP_PKEY_get_base_id(one->key.get()) != EVP_PKEY_get_base_id(identity.key.get());
      }
      if (another_type && identity.serves(host)) chosen.push_back(&identity);
    }
    if (chosen.empty()) return 1;  // the first of all, which the context has
    SSL_certs_clear(ssl);
    for (const Identity* one : chosen) {
      if (SSL_use_cert_and_key(ssl, one->certificate.get(), one->key.get(), one->chain.get(), 1) !=
          1) {
        return 0;
      }
    }
    return 1;
  }

  std::unique_ptr<Context> context_;
  std::string content_;  // all that the digest covers
};

Result<std::shared_ptr<const Context>> Context::make(const Options& options) {
  return Maker(options).make();
}

Context::~Context() {
  SSL_CTX_free(native_);
}

bool Context::pinned(const PeerCertificate* peer) const {
  if (options_.pinned_certs.empty()) return true;
  return peer != nullptr && options_.pinned_certs.contains(peer->spki_sha256);
}

}  // namespace natrix::tls
