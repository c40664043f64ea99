// Session: one TLS connection as a pure machine: encrypted bytes in and out, plain bytes out and
// in. Knows no sockets and never waits.
//
// Used by one thread at a time (a connection's shard). Between calls an idle session holds no
// buffers: OpenSSL's record buffers are released, and output() is empty when its owner sends it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/tls/context.h"

struct ssl_st;

namespace natrix::tls {

enum class Status {
  kOk,
  kWantInput,  // give() more
  kClosed,     // the peer has said goodbye
  kFailed,     // error() says why
};

struct Progress {
  Status status;
  size_t bytes = 0;
};

class Session {
 public:
  // Of an accepted connection. `ask` false: whatever the context says, no certificate of the peer.
  static std::unique_ptr<Session> server(std::shared_ptr<const Context> context, bool ask);
  // Of a dialled one; the peer's certificate must be for `name`, a host name or an address.
  static std::unique_ptr<Session> client(std::shared_ptr<const Context> context,
                                         const std::string& name);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Encrypted bytes of the peer. The view must stay valid until input() is empty or given anew.
  void give(std::string_view bytes) { input_ = bytes; }
  // What has not been looked at.
  [[nodiscard]] std::string_view input() const { return input_; }
  // Encrypted bytes to be sent; the caller takes them out.
  std::string& output() { return output_; }

  Progress handshake();
  Progress read(std::span<char> into);
  // All of `from`, or it fails.
  Progress write(std::string_view from);
  // Tells the peer that nothing follows.
  void say_goodbye();
  // Plain bytes that read() would give without more input.
  [[nodiscard]] bool holds_plain_bytes() const;

  // Why handshake() or another call failed, in the words of nats-server where it has such.
  [[nodiscard]] const std::string& error() const { return error_; }
  // What failed was a peer that does not speak TLS at all.
  [[nodiscard]] bool not_tls() const { return not_tls_; }
  // The certificate of the peer, or the name in it, was refused because of its host name.
  [[nodiscard]] bool wrong_name() const;

  // After the handshake.
  [[nodiscard]] std::string version() const;       // "1.3"
  [[nodiscard]] std::string cipher_suite() const;  // "TLS_AES_128_GCM_SHA256"
  // The peer's certificate first, then those it sent along; empty if it has none.
  [[nodiscard]] std::vector<PeerCertificate> peer_certificates() const;
  [[nodiscard]] PeerNames peer_names() const;
  [[nodiscard]] const Context& context() const { return *context_; }
  // Whether the peer may stay, by the pinned keys of `context`.
  [[nodiscard]] bool pinned_by(const Context& context) const;

 private:
  friend struct SessionBio;
  Session(std::shared_ptr<const Context> context, ssl_st* ssl);
  Progress after(int returned);
  void note_error();

  std::shared_ptr<const Context> context_;
  ssl_st* ssl_;
  std::string_view input_;
  std::string output_;
  std::string error_;
  bool not_tls_ = false;
};

}  // namespace natrix::tls
