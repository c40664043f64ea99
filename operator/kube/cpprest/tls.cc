#include "operator/kube/cpprest/tls.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <stdexcept>

namespace natrix::kube {
namespace {

using boost::asio::const_buffer;

template <class Step>
void step(const char* what, Step apply) {
  try {
    apply();
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", what, error.what()));
  }
}

const_buffer view(const std::string& text) {
  return {text.data(), text.size()};
}

}  // namespace

void configure_tls(boost::asio::ssl::context& context, const Endpoint& endpoint) {
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  if (!endpoint.ca_pem.empty()) {
    step("CA certificate", [&] {
      // The library has put the machine's trust store in; a given CA replaces it, not adds to it.
      SSL_CTX_set_cert_store(context.native_handle(), X509_STORE_new());
      context.add_certificate_authority(view(endpoint.ca_pem));
    });
  }
  if (endpoint.cert_pem.empty()) return;
  step("client certificate", [&] { context.use_certificate_chain(view(endpoint.cert_pem)); });
  step("client key", [&] {
    context.use_private_key(view(endpoint.key_pem), boost::asio::ssl::context::pem);
    if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
      throw std::runtime_error("does not belong to the client certificate");
    }
  });
}

}  // namespace natrix::kube
