#include "broker/account/authenticator.h"

#include <crypt.h>
#include <gtest/gtest.h>

#include "broker/crypto/nkey.h"

namespace natrix::account {
namespace {

std::string bcrypt(const std::string& password) {
  crypt_data data{};
  return crypt_r(password.c_str(), "$2a$04$abcdefghijklmnopqrstuu", &data);
}

Credentials user(std::string name, std::string password) {
  return {std::move(name), std::move(password), "", true, "", "", ""};
}
Credentials token(std::string text) {
  return {"", "", std::move(text), true, "", "", ""};
}

class AuthenticatorTest : public testing::Test {
 protected:
  [[nodiscard]] Authenticator make(const std::string& no_auth_user = "") const {
    return {settings, no_auth_user, accounts};
  }
  // The name somebody gets in by; "-" if not at all.
  static std::string who(const Authenticator& authenticator, const Credentials& credentials) {
    auto identity = authenticator.check(credentials);
    return identity ? identity->user : "-";
  }
  void add_user(std::string name, std::string password, std::vector<std::string> publish = {}) {
    config::User one{std::move(name), std::move(password), {}};
    if (!publish.empty()) one.permissions.emplace().publish.allow = std::move(publish);
    settings.users.push_back(std::move(one));
  }
  // Lets somebody in by `before` and asks `after` whether that still holds.
  static std::unique_ptr<Identity> renewed(const Authenticator& before, const Credentials& who,
                                           const Authenticator& after) {
    auto then = before.check(who);
    if (!then) {
      ADD_FAILURE() << "not let in";
      return nullptr;
    }
    return after.renew(then->user, then->secret, then->anonymous);
  }

  EpochDomain epochs;
  Accounts accounts{epochs};
  config::Authorization settings;
};

TEST_F(AuthenticatorTest, NothingConfiguredLetsEverybodyIn) {
  Authenticator open = make();
  EXPECT_FALSE(open.required());
  EXPECT_FALSE(open.announced());
  for (const Credentials& credentials : {Credentials{}, user("a", "b"), token("t")}) {
    auto identity = open.check(credentials);
    ASSERT_TRUE(identity);
    EXPECT_EQ(identity->account, &accounts.global());
    EXPECT_EQ(identity->permissions, nullptr);
    EXPECT_FALSE(open.slow(credentials));
  }
}

TEST_F(AuthenticatorTest, OneUser) {
  settings.user = "ada";
  settings.password = "s3cret";
  Authenticator one = make();
  EXPECT_TRUE(one.required() && one.announced());
  EXPECT_EQ(who(one, user("ada", "s3cret")), "ada");
  EXPECT_EQ(who(one, user("ada", "s3cre")), "-");
  EXPECT_EQ(who(one, user("ada", "s3cret ")), "-");
  EXPECT_EQ(who(one, user("ada", "")), "-");
  EXPECT_EQ(who(one, user("Ada", "s3cret")), "-");
  EXPECT_EQ(who(one, token("s3cret")), "-");
  EXPECT_EQ(who(one, {}), "-");
}

TEST_F(AuthenticatorTest, Tokens) {
  settings.token = "t0ken";
  Authenticator by_token = make();
  EXPECT_EQ(who(by_token, token("t0ken")), "[REDACTED]");
  EXPECT_EQ(who(by_token, token("t0keN")), "-");
  EXPECT_EQ(who(by_token, user("t0ken", "t0ken")), "-");
  EXPECT_EQ(who(by_token, {}), "-");
}

TEST_F(AuthenticatorTest, BcryptPasswordsAndTokensAreSlow) {
  add_user("ada", bcrypt("s3cret"));
  add_user("bob", "plain");
  Authenticator users = make();
  EXPECT_EQ(who(users, user("ada", "s3cret")), "ada");
  EXPECT_EQ(who(users, user("ada", "S3cret")), "-");
  EXPECT_EQ(who(users, user("ada", bcrypt("s3cret"))), "-") << "the hash is not the password";
  EXPECT_TRUE(users.slow(user("ada", "x")));
  EXPECT_FALSE(users.slow(user("bob", "x")));
  EXPECT_FALSE(users.slow(user("nobody", "x")));
  settings = {};
  settings.token = bcrypt("t0ken");
  Authenticator by_token = make();
  EXPECT_TRUE(by_token.slow(token("x")));
  EXPECT_EQ(who(by_token, token("t0ken")), "[REDACTED]");
  EXPECT_EQ(who(by_token, token(settings.token)), "-");
}

TEST_F(AuthenticatorTest, BcryptIsToldByItsForm) {
  for (const char* hash : {"$2a$11$", "$2b$04$x", "$2y$10$x", "$2x$10$x"}) {
    EXPECT_TRUE(is_bcrypt(hash)) << hash;
  }
  for (const char* plain : {"", "$2a$", "$2c$10$x", "$1$10$xxxx", "2a$10$x", "$2a$1$xxx"}) {
    EXPECT_FALSE(is_bcrypt(plain)) << plain;
  }
  EXPECT_FALSE(password_matches("$2a$99$nonsense", "x")) << "a hash that nothing can have";
}

TEST_F(AuthenticatorTest, UsersHaveTheirPermissionsOrTheDefault) {
  settings.default_permissions.emplace().publish.allow = {"default"};
  add_user("own", "p", {"own"});
  add_user("plain", "p");
  Authenticator users = make();
  auto own = users.check(user("own", "p")), plain = users.check(user("plain", "p"));
  ASSERT_TRUE(own && own->permissions && plain && plain->permissions);
  EXPECT_TRUE(own->permissions->may_publish("own"));
  EXPECT_FALSE(own->permissions->may_publish("default"));
  EXPECT_TRUE(plain->permissions->may_publish("default"));
  EXPECT_FALSE(plain->permissions->may_publish("own"));
}

TEST_F(AuthenticatorTest, NoAuthUserIsForThoseWithoutCredentials) {
  add_user("guest", "g", {"guest"});
  add_user("ada", "a");
  Authenticator users = make("guest");
  EXPECT_TRUE(users.required());
  EXPECT_FALSE(users.announced());
  auto guest = users.check({});
  ASSERT_TRUE(guest);
  EXPECT_EQ(guest->user, "guest");
  EXPECT_TRUE(guest->anonymous);
  EXPECT_TRUE(guest->permissions->may_publish("guest"));
  EXPECT_EQ(who(users, user("ada", "a")), "ada");
  EXPECT_EQ(who(users, user("ada", "wrong")), "-") << "credentials are never forgiven";
  EXPECT_EQ(who(make("nobody"), {}), "-");
}

TEST_F(AuthenticatorTest, AReloadKeepsThoseWhoseUserIsTheSame) {
  add_user("ada", "a");
  add_user("bob", "b");
  Authenticator before = make();
  settings.users[0].permissions.emplace().publish.allow = {"new"};
  Authenticator after = make();
  auto ada = renewed(before, user("ada", "a"), after);
  ASSERT_TRUE(ada && ada->permissions);
  EXPECT_TRUE(ada->permissions->may_publish("new"));
  EXPECT_TRUE(renewed(before, user("bob", "b"), after));
}

TEST_F(AuthenticatorTest, AReloadEndsThoseWhoseUserIsGoneOrHasAnotherPassword) {
  add_user("ada", "a");
  add_user("bob", "b");
  Authenticator before = make();
  settings.users[0].password = "changed";
  settings.users.pop_back();
  Authenticator after = make();
  EXPECT_FALSE(renewed(before, user("ada", "a"), after));
  EXPECT_FALSE(renewed(before, user("bob", "b"), after));
}

TEST_F(AuthenticatorTest, AReloadOfTheToken) {
  settings.token = "t0ken";
  Authenticator before = make();
  EXPECT_TRUE(renewed(before, token("t0ken"), make()));
  settings.token = "changed";
  EXPECT_FALSE(renewed(before, token("t0ken"), make()));
  settings.token.clear();
  EXPECT_TRUE(renewed(before, token("t0ken"), make())) << "everybody may";
  add_user("[REDACTED]", "other");
  EXPECT_FALSE(renewed(before, token("t0ken"), make()));
}

TEST_F(AuthenticatorTest, AReloadThatAsksForCredentials) {
  Authenticator open = make();
  add_user("guest", "g", {"guest"});
  Authenticator closed = make();
  EXPECT_FALSE(renewed(open, {}, closed));
  EXPECT_FALSE(renewed(open, user("guest", "x"), closed)) << "nobody has checked that";
  Authenticator with_guest = make("guest");
  auto guest = renewed(open, {}, with_guest);
  ASSERT_TRUE(guest && guest->permissions);
  EXPECT_EQ(guest->user, "guest");
  EXPECT_FALSE(renewed(with_guest, {}, closed)) << "there is no user for strangers any more";
  EXPECT_TRUE(renewed(with_guest, user("guest", "g"), closed));
}

// Made with the nkeys library of Python from the seed of the bytes 0 to 31.
const std::string kKey = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";
const std::string kOtherKey = encode_nkey(NkeyKind::kUser, Ed25519Key{1, 2, 3});

// Of a peer that holds the private half of `kKey`.
Credentials proof() {
  Credentials credentials;
  credentials.nkey = kKey;
  credentials.nonce = "nonce-of-15-chr";
  credentials.signature =
      "ud1L7KBjLRJPfnDgPAA_8KY456RRbB7ZSe3o5XWZ3thqMv0VKwBmoSnxHT5WjpZXdu-Em2zD7IwaQh8exwZbBg";
  return credentials;
}

class NkeyTest : public AuthenticatorTest {
 protected:
  void add_key(const std::string& key, std::vector<std::string> publish = {}) {
    add_user(key, "", std::move(publish));
    settings.users.back().nkey = true;
  }
};

TEST_F(NkeyTest, AreLetInByASignatureOfTheirChallenge) {
  add_key(kKey, {"a"});
  add_user("bob", "b");
  Authenticator several = make();
  EXPECT_TRUE(several.required() && several.announced() && several.challenges());
  EXPECT_FALSE(several.slow(proof()));
  auto identity = several.check(proof());
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->user, kKey);
  ASSERT_TRUE(identity->permissions);
  EXPECT_TRUE(identity->permissions->may_publish("a"));
  EXPECT_FALSE(identity->permissions->may_publish("b"));
  EXPECT_EQ(who(several, user("bob", "b")), "bob");

  Credentials other = proof();
  other.nonce = "nonce-of-15-chs";
  EXPECT_EQ(who(several, other), "-");
  other = proof();
  other.nonce.clear();
  EXPECT_EQ(who(several, other), "-");
  other = proof();
  other.signature.clear();
  EXPECT_EQ(who(several, other), "-");
  other = proof();
  other.nkey = kOtherKey;
  EXPECT_EQ(who(several, other), "-");
  // The key decides, whatever else was sent.
  other.user = "bob";
  other.password = "b";
  other.any = true;
  EXPECT_EQ(who(several, other), "-");
}

TEST_F(NkeyTest, AKeyIsNoPassword) {
  add_key(kKey);
  Authenticator one = make();
  EXPECT_EQ(who(one, user(kKey, "")), "-");
  EXPECT_EQ(who(one, user(kKey, kKey)), "-");
  EXPECT_EQ(who(one, user(kKey, "nkey " + kKey)), "-");
  EXPECT_EQ(who(one, {}), "-");
}

TEST_F(NkeyTest, MeanNothingToAServerWithoutKeys) {
  EXPECT_EQ(who(make(), proof()), "");
  add_user("bob", "b");
  Authenticator passwords = make();
  EXPECT_FALSE(passwords.challenges());
  EXPECT_EQ(who(passwords, proof()), "-");
  Credentials both = proof();
  both.user = "bob";
  both.password = "b";
  both.any = true;
  EXPECT_EQ(who(passwords, both), "bob");
  EXPECT_EQ(who(make("bob"), proof()), "bob");
}

TEST_F(NkeyTest, CanBeTheUserOfThoseWithoutCredentials) {
  add_key(kKey, {"a"});
  Authenticator open = make(kKey);
  EXPECT_FALSE(open.announced());
  auto identity = open.check({});
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->user, kKey);
  EXPECT_TRUE(identity->anonymous);
  ASSERT_TRUE(identity->permissions);
}

TEST_F(NkeyTest, AReloadKeepsThemAsLongAsTheirKeyIsThere) {
  add_key(kKey);
  Authenticator before = make();
  settings.users.clear();
  add_key(kOtherKey);
  EXPECT_FALSE(renewed(before, proof(), make()));
  add_key(kKey, {"now.>"});
  auto still = renewed(before, proof(), make());
  ASSERT_TRUE(still);
  ASSERT_TRUE(still->permissions);
  EXPECT_TRUE(still->permissions->may_publish("now.a"));
  EXPECT_FALSE(still->permissions->may_publish("a"));
  settings.users.clear();
  add_user(kKey, kKey);  // a user with the name of the key has proved nothing
  EXPECT_FALSE(renewed(before, proof(), make()));
}

TEST_F(AuthenticatorTest, PlainPasswordsAreNoticed) {
  auto plain = [&](bool map = false) { return has_plain_passwords(settings, map); };
  EXPECT_FALSE(plain());
  settings.user = "ada";
  settings.password = bcrypt("a");
  EXPECT_FALSE(plain());
  settings.password = "a";
  EXPECT_TRUE(plain());
  settings = {};
  settings.token = "t";
  EXPECT_FALSE(plain());
  settings = {};
  add_user("ada", bcrypt("a"));
  add_user(kKey, "");
  settings.users.back().nkey = true;
  EXPECT_FALSE(plain());
  add_user("CN=bob", "");
  EXPECT_TRUE(plain());
  EXPECT_FALSE(plain(true));
  add_user("eve", "e");
  EXPECT_TRUE(plain(true));
}

TEST_F(AuthenticatorTest, ConnectionTypesOfUsers) {
  add_user("ada", "a");
  add_user("bob", "b");
  add_user("eve", "e");
  settings.users[0].connection_types = {"STANDARD"};
  settings.users[1].connection_types = {"WEBSOCKET", "IN_PROCESS"};
  Authenticator several = make("bob");
  auto inside = [](Credentials credentials) {
    credentials.connection = kInProcess;
    return credentials;
  };
  EXPECT_EQ(who(several, user("ada", "a")), "ada");
  EXPECT_EQ(who(several, inside(user("ada", "a"))), "-");
  EXPECT_EQ(who(several, user("bob", "b")), "-");
  EXPECT_EQ(who(several, inside(user("bob", "b"))), "bob");
  EXPECT_EQ(who(several, {}), "-");
  EXPECT_EQ(who(several, inside({})), "bob");
  EXPECT_EQ(who(several, user("eve", "e")), "eve");
  EXPECT_EQ(who(several, inside(user("eve", "e"))), "eve");
  auto ada = several.check(user("ada", "a"));
  ASSERT_TRUE(ada);
  EXPECT_TRUE(several.renew(ada->user, ada->secret, false, kStandard));
  EXPECT_FALSE(several.renew(ada->user, ada->secret, false, kInProcess));
}

}  // namespace
}  // namespace natrix::account
