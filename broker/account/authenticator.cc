#include "broker/account/authenticator.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <cstring>

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
                             const Accounts& accounts)
    : accounts_(accounts),
      required_(authorization.required()),
      no_auth_user_(std::move(no_auth_user)),
      token_(authorization.token),
      default_permissions_(compile(authorization.default_permissions, nullptr)) {
  if (!authorization.user.empty()) {
    users_[authorization.user] = {authorization.password, default_permissions_};
  }
  for (const config::User& user : authorization.users) {
    users_[user.name] = {user.password, compile(user.permissions, default_permissions_)};
  }
}

bool Authenticator::slow(const Credentials& credentials) const {
  if (!token_.empty()) return is_bcrypt(token_);
  auto user = users_.find(credentials.user);
  return user != users_.end() && is_bcrypt(user->second.password);
}

std::unique_ptr<Identity> Authenticator::identity(const std::string& name, const User& user) const {
  auto identity = std::make_unique<Identity>();
  identity->account = &accounts_.global();
  identity->user = name;
  identity->permissions = user.permissions;
  return identity;
}

std::unique_ptr<Identity> Authenticator::check(const Credentials& credentials) const {
  if (!required_) return identity("", {"", default_permissions_});
  if (!credentials.any && !no_auth_user_.empty()) {
    auto user = users_.find(no_auth_user_);
    return user == users_.end() ? nullptr : identity(user->first, user->second);
  }
  if (!users_.empty()) {
    auto user = users_.find(credentials.user);
    if (user != users_.end() && password_matches(user->second.password, credentials.password)) {
      return identity(user->first, user->second);
    }
    if (token_.empty()) return nullptr;
  }
  if (!token_.empty() && password_matches(token_, credentials.token)) {
    return identity(kTokenUser, {"", default_permissions_});
  }
  return nullptr;
}

std::unique_ptr<Identity> Authenticator::renew(const std::string& user) const {
  if (!required_) return identity("", {"", default_permissions_});
  if (user == kTokenUser && !token_.empty()) return identity(user, {"", default_permissions_});
  auto found = users_.find(user);
  return found == users_.end() ? nullptr : identity(found->first, found->second);
}

}  // namespace natrix::account
