// Certificates in files, contexts of them, and two sessions that talk to each other in memory.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "broker/tls/session.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certs.h"

namespace natrix::tls {

class Files {
 public:
  Files() { dir_.write("ca.pem", authority.cert_pem()); }

  KeyPair write(const std::string& name, const tests::CertAndKey& pair) const {
    return {dir_.write(name + ".pem", pair.cert_pem), dir_.write(name + ".key", pair.key_pem)};
  }
  [[nodiscard]] std::string ca() const { return dir_.path() / "ca.pem"; }
  [[nodiscard]] const tests::TempDir& dir() const { return dir_; }
  // A server's or client's options: a certificate of the authority for localhost.
  [[nodiscard]] Options options(const std::string& name = "localhost") const {
    Options options;
    options.certificates = {write(name, authority.issue(name, {"DNS:" + name, "IP:127.0.0.1"}))};
    options.ca_file = ca();
    return options;
  }

  tests::TestAuthority authority{"test authority"};

 private:
  tests::TempDir dir_;
};

inline std::shared_ptr<const Context> make(const Options& options) {
  Result<std::shared_ptr<const Context>> context = Context::make(options);
  EXPECT_TRUE(context.ok()) << (context ? "" : context.error().message);
  return context ? *context : nullptr;
}

// A handshake, bytes carried by hand.
class Pair {
 public:
  Pair(std::unique_ptr<Session> server_session, std::unique_ptr<Session> client_session)
      : server(std::move(server_session)), client(std::move(client_session)) {}

  // True when both are through.
  bool shake_hands() {
    for (int i = 0; i < 10; ++i) {
      client_status = client->handshake().status;
      carry(*client, *server, to_server_);
      server_status = server->handshake().status;
      carry(*server, *client, to_client_);
      if (client_status == Status::kOk && server_status == Status::kOk) return true;
    }
    return false;
  }
  void to_server() { carry(*client, *server, to_server_); }
  void to_client() { carry(*server, *client, to_client_); }

  static std::string read_all(Session& session) {
    std::string text;
    char buffer[1000];
    for (;;) {
      Progress progress = session.read(buffer);
      if (progress.status != Status::kOk) return text;
      text.append(buffer, progress.bytes);
    }
  }

  std::unique_ptr<Session> server, client;
  Status server_status = Status::kWantInput, client_status = Status::kWantInput;

 private:
  // What the receiver has not looked at stays in front.
  static void carry(Session& from, Session& to, std::string& bytes) {
    bytes = std::string(to.input()) + from.output();
    from.output().clear();
    to.give(bytes);
  }
  std::string to_server_, to_client_;
};

}  // namespace natrix::tls
