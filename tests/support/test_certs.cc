#include "tests/support/test_certs.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>

namespace natrix::tests {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Cert = std::unique_ptr<X509, decltype(&X509_free)>;

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "test certificates: %s\n", what);
  std::abort();
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  require(key != nullptr, "key");
  return key;
}

template <class Write>
std::string to_pem(Write write) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  require(write(bio.get()) == 1, "PEM");
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string pem_of(X509* cert) {
  return to_pem([cert](BIO* bio) { return PEM_write_bio_X509(bio, cert); });
}

std::string pem_of(EVP_PKEY* key) {
  return to_pem([key](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

void add_extension(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  require(extension != nullptr, value.c_str());
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

Cert make_cert(const TestAuthority::Subject& subject, EVP_PKEY* key, int days) {
  static long serial = 1;
  Cert cert(X509_new(), X509_free);
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), days * 24L * 3600);
  X509_set_pubkey(cert.get(), key);
  for (const auto& [type, value] : subject) {
    bool joins = type.front() == '+';
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), type.c_str() + (joins ? 1 : 0),
                               MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.c_str()),
                               -1, -1, joins ? -1 : 0);
  }
  return cert;
}

}  // namespace

struct TestAuthority::State {
  Key key{nullptr, EVP_PKEY_free};
  Cert cert{nullptr, X509_free};
};

TestAuthority::TestAuthority(const std::string& name) : state_(std::make_unique<State>()) {
  state_->key = make_key();
  state_->cert = make_cert({{"CN", name}}, state_->key.get(), 1);
  X509* cert = state_->cert.get();
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
  require(X509_sign(cert, state_->key.get(), EVP_sha256()) != 0, "signature");
  cert_pem_ = pem_of(cert);
}

TestAuthority::~TestAuthority() = default;

CertAndKey TestAuthority::issue(const std::string& common_name,
                                const std::vector<std::string>& alt_names) const {
  return issue(Subject{{"CN", common_name}}, alt_names);
}

CertAndKey TestAuthority::issue(const Subject& subject, const std::vector<std::string>& alt_names,
                                int days) const {
  Key key = make_key();
  Cert cert = make_cert(subject, key.get(), days);
  X509_set_issuer_name(cert.get(), X509_get_subject_name(state_->cert.get()));
  std::string names;
  for (const std::string& name : alt_names) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) {
    add_extension(cert.get(), state_->cert.get(), NID_subject_alt_name, names);
  }
  require(X509_sign(cert.get(), state_->key.get(), EVP_sha256()) != 0, "signature");
  return {pem_of(cert.get()), pem_of(key.get())};
}

}  // namespace natrix::tests
