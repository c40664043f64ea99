#include "broker/account/authenticator.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
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
    users_[user.name] = {secret(user.password), compile(user.permissions, default_permissions_)};
  }
}

bool Authenticator::slow(const Credentials& credentials) const {
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

std::unique_ptr<Identity> Authenticator::without_credentials() const {
  auto user = users_.find(no_auth_user_);
  if (required_ && (no_auth_user_.empty() || user == users_.end())) return nullptr;
  auto who = required_ ? identity(user->first, user->second)
                       : identity("", {nullptr, default_permissions_});
  who->secret = nullptr;
  who->anonymous = true;
  return who;
}

std::unique_ptr<Identity> Authenticator::check(const Credentials& credentials) const {
  if (!credentials.any) return without_credentials();
  if (!required_) return identity("", {nullptr, default_permissions_});
  auto user = users_.find(credentials.user);
  if (user != users_.end() && password_matches(*user->second.password, credentials.password)) {
    return identity(user->first, user->second);
  }
  if (token_.password && password_matches(*token_.password, credentials.token)) {
    return identity(kTokenUser, token_);
  }
  return nullptr;
}

std::unique_ptr<Identity> Authenticator::check_certificate(const tls::PeerNames& names) const {
  auto user = users_.end();
  auto named = [&](const std::string& name) {
    user = name.empty() ? users_.end() : users_.find(name);
    return user != users_.end();
  };
  for (const auto* kind : {&names.emails, &names.dns_names, &names.uris}) {
    if (std::any_of(kind->begin(), kind->end(), named)) return identity(user->first, user->second);
  }
  if (names.subject && !names.subject->parts.empty()) {
    std::vector<std::map<std::string, User>::const_iterator> reordered;
    for (auto one = users_.begin(); one != users_.end(); ++one) {
      Result<tls::DistinguishedName> name = tls::parse_distinguished_name(one->first);
      if (!name) continue;
      if (name->equals(*names.subject)) return identity(one->first, one->second);
      if (name->matches(*names.subject)) reordered.push_back(one);
    }
    if (!reordered.empty()) return identity(reordered[0]->first, reordered[0]->second);
  }
  if (named(names.subject_text_with_domain) || named(names.subject_text)) {
    return identity(user->first, user->second);
  }
  return nullptr;
}

std::unique_ptr<Identity> Authenticator::renew(const std::string& user, const Secret& secret,
                                               bool anonymous) const {
  if (anonymous) return without_credentials();
  if (!required_) return identity("", {nullptr, default_permissions_});
  if (!secret) return nullptr;  // credentials that nobody has checked
  auto same = [&](const User& now) { return now.password && *now.password == *secret; };
  if (user == kTokenUser && same(token_)) return identity(user, token_);
  auto found = users_.find(user);
  if (found == users_.end() || !same(found->second)) return nullptr;
  return identity(found->first, found->second);
}

}  // namespace natrix::account
