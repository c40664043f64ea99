// The `tls` blocks and the flags of TLS, with certificates made by the test.
#include <gmock/gmock.h>

#include "broker/config/flags.h"
#include "broker/config/load.h"
#include "broker/config/parser.h"
#include "broker/config/reload.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certs.h"
#include "tests/unit/config/parse_helpers.h"

namespace natrix::config {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class LoadTls : public ::testing::Test {
 protected:
  LoadTls() { renew(); }

  void renew(int days = 1) {
    tests::CertAndKey pair = authority_.issue({{"CN", "localhost"}}, {"DNS:localhost"}, days);
    cert = dir_.write("cert.pem", pair.cert_pem);
    key = dir_.write("key.pem", pair.key_pem);
    ca = dir_.write("ca.pem", authority_.cert_pem());
    files = fmt::format("cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\"", cert, key, ca);
  }

  Result<Loaded> load(const std::string& text) const {
    FakeWorld world;
    world.files["a.conf"] = text;
    CommandLine line;
    line.config_file = "a.conf";
    return load_configuration(line, world.surroundings());
  }
  // Of a block with the files and `more`.
  tls::Options options(const std::string& more) const {
    Result<Loaded> loaded = load("tls { " + files + ", " + more + " }");
    EXPECT_TRUE(loaded.ok()) << (loaded ? "" : loaded.error().message);
    return loaded ? loaded->options.tls->options() : tls::Options{};
  }
  std::string error(const std::string& text) const {
    Result<Loaded> loaded = load(text);
    return loaded ? "" : loaded.error().message;
  }
  std::string block_error(const std::string& more) const {
    return error("port: 1\ntls { " + files + "\n" + more + " }");
  }

  tests::TempDir dir_;
  tests::TestAuthority authority_{"authority"};
  std::string cert, key, ca, files;
};

TEST_F(LoadTls, TheBlockSaysWhatIsServedAndAskedFor) {
  tls::Options plain = options("");
  ASSERT_EQ(plain.certificates.size(), 1U);
  EXPECT_EQ(plain.certificates[0].cert_file, cert);
  EXPECT_EQ(plain.ca_file, ca);
  EXPECT_EQ(plain.timeout, 2s);
  EXPECT_FALSE(plain.verify || plain.map || plain.handshake_first);
  EXPECT_TRUE(options("verify: true").verify);
  EXPECT_TRUE(options("verify_and_map: true").verify);
  EXPECT_TRUE(options("verify_and_map: true").map);
  EXPECT_EQ(options("timeout: 0.5").timeout, 500ms);
  EXPECT_EQ(options("timeout: \"3s\"").timeout, 3s);
  EXPECT_EQ(options("min_version: \"1.3\"").min_version, tls::Version::k13);
  EXPECT_EQ(options("connection_rate_limit: 7").connection_rate_limit, 7);
  EXPECT_EQ(options("cipher_suites: [\"TLS_AES_128_GCM_SHA256\"]").cipher_suites.size(), 1U);
  EXPECT_EQ(options("cipher_suites: [\"TLS_RSA_WITH_AES_128_CBC_SHA\"], "
                    "allow_insecure_cipher_suites: true")
                .cipher_suites.size(),
            1U);
  EXPECT_EQ(options("curve_preferences: [CurveP256, X25519]").curves.size(), 2U);
  std::string pin(64, 'A');
  EXPECT_EQ(*options("pinned_certs: [\"" + pin + "\"]").pinned_certs.begin(), std::string(64, 'a'));
  EXPECT_EQ(load(fmt::format("tls {{ certs: [ {{cert_file: \"{0}\", key_file: \"{1}\"}}, "
                             "{{cert_file: \"{0}\", key_file: \"{1}\"}} ] }}",
                             cert, key))
                ->options.tls->options()
                .certificates.size(),
            2U);
}

TEST_F(LoadTls, HandshakeFirstInItsForms) {
  for (const char* yes : {"handshake_first: true", "first: on", "immediate: \"true\""}) {
    EXPECT_TRUE(options(yes).handshake_first) << yes;
    EXPECT_EQ(options(yes).fallback.count(), 0) << yes;
  }
  for (const char* no : {"handshake_first: false", "handshake_first: \"off\""}) {
    EXPECT_FALSE(options(no).handshake_first) << no;
  }
  EXPECT_EQ(options("handshake_first: auto").fallback, 50ms);
  EXPECT_EQ(options("handshake_first: auto_fallback").fallback, 50ms);
  EXPECT_EQ(options("handshake_first: \"300ms\"").fallback, 300ms);
  EXPECT_TRUE(options("handshake_first: \"300ms\"").handshake_first);
  EXPECT_THAT(block_error("handshake_first: maybe"), HasSubstr("value \"maybe\" is invalid"));
}

TEST_F(LoadTls, WhatIsWrongIsNamedWithItsPlace) {
  struct Case {
    const char* more;
    const char* expected;
  };
  const Case cases[] = {
      {"frob: 1", "a.conf:3:1: unknown field \"frob\""},
      {"cert_store: WindowsCurrentUser", "\"cert_store\" is not supported"},
      {"ocsp_peer: true", "a.conf:3:1: \"ocsp_peer\" is not supported"},
      {"cipher_suites: [X]", "unrecognized cipher X"},
      {"cipher_suites: []", "'cipher_suites' cannot be empty"},
      {"cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "is not in the OpenSSL of this system"},
      {"cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]",
       "insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: "
       "TLS_RSA_WITH_AES_128_CBC_SHA"},
      {"curve_preferences: [X]", "unrecognized curve preference X"},
      {"curve_preferences: [X25519MLKEM768]", "is not in the OpenSSL of this system"},
      {"min_version: \"1.1\"", "unsupported TLS version: TLS 1.1"},
      {"min_version: 1.2", "must be a string"},
      {"pinned_certs: [abc]", "'pinned_certs' key abc does not look like"},
      {"timeout: -1", "out of range"},
      {"certs: [ {cert_file: a} ]", "both 'cert_file' and 'key_file' options are required"},
      {"certs: [ {cert_file: a, key_file: b} ]", "cannot combine 'cert_file' option with 'certs'"},
      {"verify_cert_and_check_known_urls: true", "is for routes only"},
      {"insecure: true", "is for connections that this server makes (routes) only"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(block_error(c.more), HasSubstr(c.expected)) << c.more;
    EXPECT_THAT(block_error(c.more), StartsWith("a.conf:")) << c.more;
  }
  EXPECT_THAT(error("tls {}"), HasSubstr("missing 'cert_file' and 'key_file'"));
  EXPECT_THAT(error("tls { cert_file: x }"), HasSubstr("missing 'key_file' in TLS"));
  EXPECT_THAT(error("tls { key_file: x }"), HasSubstr("missing 'cert_file' in TLS"));
  EXPECT_THAT(error("\n\ntls { cert_file: /no, key_file: /no }"),
              HasSubstr("a.conf:3:1: error parsing X509 certificate/key pair: open /no: No such"));
  EXPECT_THAT(error("allow_non_tls: true"), HasSubstr("allow_non_tls needs a tls block"));
  EXPECT_THAT(error("https_port: 5"), HasSubstr("TLS cert and key required for HTTPS"));
  EXPECT_THAT(error("http_port: 5, https_port: 6, tls {" + files + "}"),
              HasSubstr("can't specify both HTTP (5) and HTTPs (6) ports"));
}

TEST_F(LoadTls, RoutesAreAlwaysVerified) {
  auto routes = [&](const std::string& more) {
    return load("cluster { port: 1, tls {" + files + ", " + more + "} }");
  };
  Result<Loaded> loaded = routes("");
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->options.cluster.tls->options().verify);
  EXPECT_TRUE(routes("insecure: true")->options.cluster.tls->options().insecure);
  EXPECT_TRUE(routes("verify_cert_and_check_known_urls: yes")
                  ->options.cluster.tls->options()
                  .check_known_urls);
  EXPECT_THAT(routes("handshake_first: true").error().message, HasSubstr("routes begin with the"));
  EXPECT_THAT(routes("connection_rate_limit: 1").error().message,
              HasSubstr("is for the listener for clients only"));
  EXPECT_THAT(routes("verify_and_map: true").error().message,
              HasSubstr("needs the user of its authorization block"));
}

TEST_F(LoadTls, AnExpiredCertificateIsServedWithAWarning) {
  renew(-2);
  Result<Loaded> loaded = load("tls {" + files + "}");
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->warnings.size(), 1U);
  EXPECT_THAT(loaded->warnings[0], HasSubstr("cert.pem expired on "));
}

TEST_F(LoadTls, HttpsHasAPortOfItsOwn) {
  EXPECT_EQ(load("https_port: 8443, tls {" + files + "}")->options.https_port, 8443);
  Options options = load("https: \"h:8443\", tls {" + files + "}")->options;
  EXPECT_EQ(options.https_port, 8443);
  EXPECT_EQ(options.http_host, "h");
  EXPECT_EQ(options.http_port, kNoPort);
}

TEST_F(LoadTls, CredentialsMayComeASecondAfterTheHandshake) {
  auto time = [&](const std::string& text) {
    Options options = load(text)->options;
    return auth_timeout(options.authorization, options.tls.get());
  };
  EXPECT_EQ(time("debug: true"), 2s);
  EXPECT_EQ(time("tls {" + files + "}"), 3s);
  EXPECT_EQ(time("tls {" + files + ", timeout: 5}"), 6s);
  EXPECT_EQ(time("tls {" + files + "}, authorization {timeout: 2}"), 2s);
}

TEST_F(LoadTls, FlagsReplaceTheBlock) {
  auto with = [&](std::vector<std::string> arguments) {
    FakeWorld world;
    world.files["a.conf"] = "tls {" + files + ", verify: true, timeout: 9}";
    arguments.insert(arguments.begin(), {"-c", "a.conf"});
    return load_configuration(*parse_command_line(arguments), world.surroundings());
  };
  EXPECT_EQ(with({})->options.tls->options().timeout, 9s);
  EXPECT_EQ(with({"--tls=false", "--tlscert", cert})->options.tls, nullptr);
  Result<Loaded> loaded = with({"--tls", "--tlscert", cert, "--tlskey", key});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->options.tls->options().timeout, 2s);
  EXPECT_FALSE(loaded->options.tls->options().verify);
  loaded = with({"--tlsverify", "--tlscert", cert, "--tlskey", key, "--tlscacert", ca});
  EXPECT_TRUE(loaded->options.tls->options().verify);
  EXPECT_EQ(loaded->options.tls->options().ca_file, ca);
  EXPECT_EQ(with({"-ms", "5"})->options.https_port, 5);
}

TEST_F(LoadTls, ANewCertificateInTheSameFilesIsAChange) {
  Options before = load("tls {" + files + "}")->options;
  Options same = load("tls {" + files + "}")->options;
  EXPECT_TRUE(reload_plan(before, same)->empty());
  renew();
  Options after = load("tls {" + files + "}")->options;
  Result<ReloadPlan> plan = reload_plan(before, after);
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->changes.size(), 1U);
  EXPECT_EQ(plan->changes[0],
            fmt::format("tls: old=certificate serial {}, new=certificate serial {}",
                        before.tls->certificate().serial, after.tls->certificate().serial));
  EXPECT_THAT(reload_plan(before, load("debug: false")->options)->changes.at(0),
              HasSubstr("new=disabled"));
}

}  // namespace
}  // namespace natrix::config
