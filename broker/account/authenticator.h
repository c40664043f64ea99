// Authenticator: decides who a connection is (wire.md 3) from the configured users and the
// credentials it sent. Immutable, safe from any thread; a reload makes a new one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/account/account.h"
#include "broker/account/permissions.h"
#include "broker/config/options.h"
#include "broker/tls/certificate.h"

namespace natrix::account {

inline constexpr std::string_view kStandard = "STANDARD";
inline constexpr std::string_view kInProcess = "IN_PROCESS";

struct Credentials {
  std::string user;
  std::string password;
  std::string token;
  bool any = false;  // user, password or token were sent
  std::string nkey;
  std::string signature;                    // of `nonce`, by the private half of `nkey`
  std::string nonce;                        // the challenge that this peer was sent
  std::string_view connection = kStandard;  // its type, as in allowed_connection_types
};

struct Identity {
  Account* account = nullptr;
  std::string user;                                        // as shown in monitoring
  std::shared_ptr<const CompiledPermissions> permissions;  // null: everything allowed
  // What the credentials were checked against, as configured; null: nothing was.
  std::shared_ptr<const std::string> secret;
  bool anonymous = false;  // no credentials were sent
};

class Authenticator {
 public:
  // `map`: users are found by the certificates of their TLS connections.
  Authenticator(const config::Authorization& authorization, std::string no_auth_user,
                const Accounts& accounts, bool map = false);

  [[nodiscard]] bool required() const { return required_; }
  // INFO says so only when a client without credentials would be refused.
  [[nodiscard]] bool announced() const { return required_ && no_auth_user_.empty(); }
  // Whether check() may take long (bcrypt) and belongs on a worker thread.
  [[nodiscard]] bool slow(const Credentials& credentials) const;
  // INFO must bring a challenge: some users prove who they are with a signature.
  [[nodiscard]] bool challenges() const { return !nkeys_.empty(); }
  // Null: authorization violation.
  [[nodiscard]] std::unique_ptr<Identity> check(const Credentials& credentials) const;
  // Certificates instead of these credentials; only a list of users can be mapped to.
  [[nodiscard]] bool maps_certificate(const Credentials& credentials) const {
    return maps_ && !uses_nkey(credentials);
  }
  // The user that the certificate names, by alternative name or by subject. Null: none.
  [[nodiscard]] std::unique_ptr<Identity> check_certificate(
      const tls::PeerNames& names, std::string_view connection = kStandard) const;
  // For a connection that an older authenticator let in. The peer's password is not kept: it still
  // holds when the user's configured one is the same as then. Null: not let in any longer.
  [[nodiscard]] std::unique_ptr<Identity> renew(const std::string& user,
                                                const std::shared_ptr<const std::string>& secret,
                                                bool anonymous,
                                                std::string_view connection = kStandard) const;

 private:
  using Secret = std::shared_ptr<const std::string>;
  struct User {
    Secret password;  // of nkeys: stands for the key
    std::shared_ptr<const CompiledPermissions> permissions;
    std::vector<std::string> connection_types = {};  // empty: all
    [[nodiscard]] bool may_come_by(std::string_view connection) const;
  };
  using Users = std::map<std::string, User>;
  // Null: there is none, or none that may use this type of connection.
  [[nodiscard]] static const Users::value_type* find(const Users& users, const std::string& name,
                                                     std::string_view connection);
  [[nodiscard]] bool uses_nkey(const Credentials& credentials) const;
  [[nodiscard]] std::unique_ptr<Identity> identity(const std::string& name, const User& user) const;
  [[nodiscard]] std::unique_ptr<Identity> without_credentials(std::string_view connection) const;
  [[nodiscard]] std::unique_ptr<Identity> check_nkey(const Credentials& credentials) const;

  const Accounts& accounts_;
  const bool maps_;
  bool required_;
  std::string no_auth_user_;
  std::shared_ptr<const CompiledPermissions> default_permissions_;
  User token_;  // no password: there is none
  Users users_;
  Users nkeys_;
};

// Compares in constant time; bcrypt when `stored` is a bcrypt hash.
bool password_matches(const std::string& stored, const std::string& given);
bool is_bcrypt(std::string_view stored);
// Whether somebody who reads the configuration knows a password. `map`: as for Authenticator.
bool has_plain_passwords(const config::Authorization& authorization, bool map);

}  // namespace natrix::account
