#include "broker/tls/session.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>

#include "broker/base/assert.h"
#include "broker/tls/openssl.h"

namespace natrix::tls {

// The two ends that OpenSSL reads from and writes to: views and strings of the session.
struct SessionBio {
  static int read(BIO* bio, char* into, int size) {
    auto* session = static_cast<Session*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (session->input_.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    size_t taken = std::min(session->input_.size(), static_cast<size_t>(size));
    std::memcpy(into, session->input_.data(), taken);
    session->input_.remove_prefix(taken);
    return static_cast<int>(taken);
  }
  static int write(BIO* bio, const char* from, int size) {
    auto* session = static_cast<Session*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    session->output_.append(from, static_cast<size_t>(size));
    return size;
  }
  static long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
  }
  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }
  static BIO* make(Session* session) {
    static BIO_METHOD* method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "session");
      BIO_meth_set_read(made, read);
      BIO_meth_set_write(made, write);
      BIO_meth_set_ctrl(made, control);
      BIO_meth_set_create(made, create);
      return made;
    }();
    BIO* bio = BIO_new(method);
    NATRIX_ASSERT(bio != nullptr, "OpenSSL makes BIOs");
    BIO_set_data(bio, session);
    return bio;
  }
};

namespace {

constexpr size_t kMostPerCall = size_t{1} << 30;  // OpenSSL counts in int in places

bool is_address(const std::string& name) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, name.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

void expect_name(SSL* ssl, const std::string& name) {
  X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
  if (is_address(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str());
    return;
  }
  SSL_set_tlsext_host_name(ssl, name.c_str());
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  X509_VERIFY_PARAM_set1_host(rules, name.c_str(), name.size());
}

SSL* new_ssl(const Context& context) {
  SSL* ssl = SSL_new(context.native());
  NATRIX_ASSERT(ssl != nullptr, "OpenSSL makes sessions");
  return ssl;
}

}  // namespace

std::string openssl_error() {
  unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  std::string text = reason != nullptr ? reason : "unknown error";
  ERR_clear_error();
  return text;
}

Session::Session(std::shared_ptr<const Context> context, ssl_st* ssl)
    : context_(std::move(context)), ssl_(ssl) {
  BIO* bio = SessionBio::make(this);
  SSL_set_bio(ssl_, bio, bio);
}

Session::~Session() {
  SSL_free(ssl_);
}

std::unique_ptr<Session> Session::server(std::shared_ptr<const Context> context, bool ask) {
  SSL* ssl = new_ssl(*context);
  SSL_set_accept_state(ssl);
  if (ask) SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return std::unique_ptr<Session>(new Session(std::move(context), ssl));
}

std::unique_ptr<Session> Session::client(std::shared_ptr<const Context> context,
                                         const std::string& name) {
  SSL* ssl = new_ssl(*context);
  SSL_set_connect_state(ssl);
  expect_name(ssl, name);
  bool verify = !context->options().insecure;
  SSL_set_verify(ssl, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  return std::unique_ptr<Session>(new Session(std::move(context), ssl));
}

Progress Session::handshake() {
  ERR_clear_error();
  return after(SSL_do_handshake(ssl_));
}

Progress Session::read(std::span<char> into) {
  ERR_clear_error();
  size_t bytes = 0;
  int returned = SSL_read_ex(ssl_, into.data(), std::min(into.size(), kMostPerCall), &bytes);
  if (returned == 1) return {Status::kOk, bytes};
  return after(returned);
}

Progress Session::write(std::string_view from) {
  size_t done = 0;
  while (done < from.size()) {
    ERR_clear_error();
    size_t bytes = 0;
    int returned =
        SSL_write_ex(ssl_, from.data() + done, std::min(from.size() - done, kMostPerCall), &bytes);
    // Output is never refused, so nothing but a broken session stops here.
    if (returned != 1) return {Status::kFailed, after(returned).bytes};
    done += bytes;
  }
  return {Status::kOk, done};
}

void Session::say_goodbye() {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_) == 1) SSL_shutdown(ssl_);
  ERR_clear_error();
}

bool Session::holds_plain_bytes() const {
  return SSL_pending(ssl_) > 0;
}

Progress Session::after(int returned) {
  if (returned == 1) return {Status::kOk};
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ:
      return {Status::kWantInput};
    case SSL_ERROR_ZERO_RETURN:
      return {Status::kClosed};
    default:
      note_error();
      return {Status::kFailed};
  }
}

void Session::note_error() {
  if (!error_.empty()) return;  // what came first is the cause
  unsigned long code = ERR_peek_last_error();
  int reason = ERR_GET_REASON(code);
  error_ = "tls: " + openssl_error();
  long verdict = SSL_get_verify_result(ssl_);
  switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      not_tls_ = SSL_is_init_finished(ssl_) == 0;
      if (not_tls_) error_ = "tls: first record does not look like a TLS handshake";
      break;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      error_ = "tls: client didn't provide a certificate";
      break;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      error_ = fmt::format("tls: failed to verify certificate: x509: {}",
                           X509_verify_cert_error_string(verdict));
      break;
    default:
      break;
  }
}

bool Session::wrong_name() const {
  long verdict = SSL_get_verify_result(ssl_);
  return verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

std::string Session::version() const {
  return SSL_version(ssl_) == TLS1_3_VERSION ? "1.3" : "1.2";
}

std::string Session::cipher_suite() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_);
  const char* name = cipher == nullptr ? nullptr : SSL_CIPHER_standard_name(cipher);
  return name == nullptr ? std::string() : name;
}

std::vector<PeerCertificate> Session::peer_certificates() const {
  std::vector<PeerCertificate> all;
  X509* own = SSL_get0_peer_certificate(ssl_);
  if (own == nullptr) return all;
  all.push_back(describe_peer(own));
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl_);
  // On the accepting side the chain comes without the certificate itself.
  for (int i = SSL_is_server(ssl_) == 1 ? 0 : 1; i < sk_X509_num(chain); ++i) {
    all.push_back(describe_peer(sk_X509_value(chain, i)));
  }
  return all;
}

PeerNames Session::peer_names() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  return certificate == nullptr ? PeerNames{} : names_of(certificate);
}

bool Session::pinned_by(const Context& context) const {
  if (context.options().pinned_certs.empty()) return true;
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return false;
  PeerCertificate peer = describe_peer(certificate);
  return context.pinned(&peer);
}

}  // namespace natrix::tls
