#include "broker/account/authenticator.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

#include "broker/crypto/nkey.h"

namespace natrix::account {

bool is_bcrypt(std::string_view stored) {
  // $2a$11$...: a version letter, a two-digit cost, salt and hash.
  return stored.size() >= 7 && stored.substr(0, 2) == "$2" &&
         std::string_view("abxy").find(stored[2]) != std::string_view::npos && stored[3] == '$' &&
         stored[6] == '$';
}

bool password_matches(const std::string& stored, const std::string& given) {
  if (is_bcrypt(stored)) {
    auto data = std::make_unique<crypt_data>();
    std::memset(data.get(), 0, sizeof(crypt_data));
    const char* hashed = crypt_r(given.c_str(), stored.c_str(), data.get());
    return hashed != nullptr && stored.size() == std::strlen(hashed) &&
           CRYPTO_memcmp(stored.data(), hashed, stored.size()) == 0;
  }
  return stored.size() == given.size() &&
         CRYPTO_memcmp(stored.data(), given.data(), stored.size()) == 0;
}

bool has_plain_passwords(const config::Authorization& authorization, bool map) {
  if (!authorization.password.empty() && !is_bcrypt(authorization.password)) return true;
  return std::any_of(authorization.users.begin(), authorization.users.end(),
                     [&](const config::User& user) {
                       bool by_certificate = map && user.password.empty();
                       return !user.nkey && !by_certificate && !is_bcrypt(user.password);
                     });
}

namespace {

// Tokens are secrets and have no name.
const std::string kTokenUser = "[REDACTED]";

std::shared_ptr<const CompiledPermissions> compile(
    const std::optional<config::Permissions>& permissions,
    const std::shared_ptr<const CompiledPermissions>& fallback) {
  return permissions ? std::make_shared<const CompiledPermissions>(*permissions) : fallback;
}

}  // namespace

Authenticator::Authenticator(const config::Authorization& authorization, std::string no_auth_user,
                             const Accounts& accounts, bool map)
    : accounts_(accounts),
      maps_(map && !authorization.users.empty()),
      required_(authorization.required()),
      no_auth_user_(std::move(no_auth_user)),
      default_permissions_(compile(authorization.default_permissions, nullptr)) {
  auto secret = [](const std::string& text) { return std::make_shared<const std::string>(text); };
  if (!authorization.token.empty()) token_ = {secret(authorization.token), default_permissions_};
  if (!authorization.user.empty()) {
    users_[authorization.user] = {secret(authorization.password), default_permissions_};
  }
  for (const config::User& user : authorization.users) {
    // A key has no secret here; renew() must not take a password for its proof.
    (user.nkey ? nkeys_ : users_)[user.name] = {
        secret(user.nkey ? "nkey " + user.name : user.password),
        compile(user.permissions, default_permissions_), user.connection_types};
  }
}

bool Authenticator::User::may_come_by(std::string_view connection) const {
  return connection_types.empty() || std::find(connection_types.begin(), connection_types.end(),
                                               connection) != connection_types.end();
}

const Authenticator::Users::value_type* Authenticator::find(const Users& users,
                                                            const std::string& name,
                                                            std::string_view connection) {
  auto user = users.find(name);
  if (user == users.end() || !user->second.may_come_by(connection)) return nullptr;
  return &*user;
}

// A key is looked at only where there are keys: elsewhere the other credentials count.
bool Authenticator::uses_nkey(const Credentials& credentials) const {
  return !nkeys_.empty() && !credentials.nkey.empty();
}

bool Authenticator::slow(const Credentials& credentials) const {
  if (uses_nkey(credentials)) return false;
  if (token_.password) return is_bcrypt(*token_.password);
  auto user = users_.find(credentials.user);
  return user != users_.end() && is_bcrypt(*user->second.password);
}

std::unique_ptr<Identity> Authenticator::identity(const std::string& name, const User& user) const {
  auto identity = std::make_unique<Identity>();
  identity->account = &accounts_.global();
  identity->user = name;
  identity->permissions = user.permissions;
  identity->secret = user.password;
  return identity;
}

std::unique_ptr<Identity> Authenticator::without_credentials(std::string_view connection) const {
  if (!required_) {
    auto who = identity("", {nullptr, default_permissions_});
    who->anonymous = true;
    return who;
  }
  if (no_auth_user_.empty()) return nullptr;
  const auto* user = find(nkeys_, no_auth_user_, connection);
  if (user == nullptr) user = find(users_, no_auth_user_, connection);
  if (user == nullptr) return nullptr;
  auto who = identity(user->first, user->second);
  who->secret = nullptr;
  who->anonymous = true;
  return who;
}

std::unique_ptr<Identity> Authenticator::check_nkey(const Credentials& credentials) const {
  const auto* user = find(nkeys_, credentials.nkey, credentials.connection);
  if (user == nullptr || credentials.nonce.empty()) return nullptr;
  auto key = decode_nkey(NkeyKind::kUser, credentials.nkey);
  if (!key || !signed_by(*key, credentials.nonce, credentials.signature)) return nullptr;
  return identity(user->first, user->second);
}

std::unique_ptr<Identity> Authenticator::check(const Credentials& credentials) const {
  if (required_ && uses_nkey(credentials)) return check_nkey(credentials);
  if (!credentials.any) return without_credentials(credentials.connection);
  if (!required_) return identity("", {nullptr, default_permissions_});
  const auto* user = find(users_, credentials.user, credentials.connection);
  if (user != nullptr && password_matches(*user->second.password, credentials.password)) {
    return identity(user->first, user->second);
  }
  if (token_.password && password_matches(*token_.password, credentials.token)) {
    return identity(kTokenUser, token_);
  }
  return nullptr;
}

std::unique_ptr<Identity> Authenticator::check_certificate(const tls::PeerNames& names,
                                                           std::string_view connection) const {
  const Users::value_type* user = nullptr;
  auto named = [&](const std::string& name) {
    user = name.empty() ? nullptr : find(users_, name, connection);
    return user != nullptr;
  };
  for (const auto* kind : {&names.emails, &names.dns_names, &names.uris}) {
    if (std::any_of(kind->begin(), kind->end(), named)) return identity(user->first, user->second);
  }
  if (names.subject && !names.subject->parts.empty()) {
    const Users::value_type* reordered = nullptr;
    for (const auto& one : users_) {
      if (!one.second.may_come_by(connection)) continue;
      Result<tls::DistinguishedName> name = tls::parse_distinguished_name(one.first);
      if (!name) continue;
      if (name->equals(*names.subject)) return identity(one.first, one.second);
      if (reordered == nullptr && name->matches(*names.subject)) reordered = &one;
    }
    if (reordered != nullptr) return identity(reordered->first, reordered->second);
  }
  if (named(names.subject_text_with_domain) || named(names.subject_text)) {
    return identity(user->first, user->second);
  }
  return nullptr;
}

std::unique_ptr<Identity> Authenticator::renew(const std::string& user, const Secret& secret,
                                               bool anonymous, std::string_view connection) const {
  if (anonymous) return without_credentials(connection);
  if (!required_) return identity("", {nullptr, default_permissions_});
  if (!secret) return nullptr;  // credentials that nobody has checked
  auto same = [&](const User& now) { return now.password && *now.password == *secret; };
  if (user == kTokenUser && same(token_)) return identity(user, token_);
  const auto* found = find(nkeys_, user, connection);
  if (found == nullptr) found = find(users_, user, connection);
  if (found == nullptr || !same(found->second)) return nullptr;
  return identity(found->first, found->second);
}

}  // namespace natrix::account
