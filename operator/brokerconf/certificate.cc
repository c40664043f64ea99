#include "operator/brokerconf/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "broker/tls/certificate.h"

namespace natrix::brokerconf {

namespace {

template <auto Free>
struct With {
  template <class T>
  void operator()(T* it) const {
    Free(it);
  }
};
using Text = std::unique_ptr<BIO, With<BIO_free>>;
using Certificate = std::unique_ptr<X509, With<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, With<EVP_PKEY_free>>;

// Nobody is there to type one.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

Text text_of(const std::string& pem) {
  return Text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Certificate certificate_of(const std::string& pem) {
  const Text text = text_of(pem);
  return Certificate(PEM_read_bio_X509(text.get(), nullptr, no_passphrase, nullptr));
}

}  // namespace

Result<CertificateFacts> read_certificate(const std::string& certificate, const std::string& key,
                                          const std::string& authority) {
  // Whatever fails below leaves its mark in the thread's queue; nobody else should find it.
  struct Clean {
    ~Clean() { ERR_clear_error(); }
  } clean;
  const Certificate leaf = certificate_of(certificate);
  if (!leaf) return fail("the certificate is no PEM certificate");
  const Text key_text = text_of(key);
  const Key own(PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_passphrase, nullptr));
  if (!own) return fail("the key is no PEM private key without passphrase");
  if (X509_check_private_key(leaf.get(), own.get()) != 1)
    return fail("the key is not that of the certificate");
  if (!authority.empty() && !certificate_of(authority))
    return fail("the authority is no PEM certificate");
  const tls::CertificateFacts facts = tls::facts_of(leaf.get());
  return CertificateFacts{facts.serial, facts.not_before, facts.not_after};
}

}  // namespace natrix::brokerconf
