// Context: one `tls` block ready for use: certificates, keys and authorities as they were read from
// their files, and the rules for handshakes.
//
// Immutable, safe from any thread. A reload makes a new one; sessions that began with the old one
// keep it.
#pragma once

#include <memory>
#include <string>

#include "broker/base/result.h"
#include "broker/tls/certificate.h"
#include "broker/tls/options.h"

struct ssl_ctx_st;

namespace natrix::tls {

class Context {
 public:
  // Reads the files. Errors name the file and what is wrong with it.
  static Result<std::shared_ptr<const Context>> make(const Options& options);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] const Options& options() const { return options_; }
  // The certificate that peers get who name no other one.
  [[nodiscard]] const CertificateFacts& certificate() const { return certificate_; }
  // Changes with the options and with what the files contain.
  [[nodiscard]] const std::string& digest() const { return digest_; }
  [[nodiscard]] ssl_ctx_st* native() const { return native_; }
  // Whether a peer with this public key may stay. Null: it presented no certificate.
  [[nodiscard]] bool pinned(const PeerCertificate* peer) const;

 private:
  class Maker;
  struct Identities;  // certificates beside the first, chosen by the name the peer asks for
  Context() = default;

  Options options_;
  CertificateFacts certificate_;
  std::string digest_;
  ssl_ctx_st* native_ = nullptr;
  std::unique_ptr<Identities> identities_;
};

}  // namespace natrix::tls
