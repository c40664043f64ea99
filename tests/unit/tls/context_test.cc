#include "broker/tls/context.h"

#include <gmock/gmock.h>

#include "broker/tls/suites.h"
#include "tests/unit/tls/support.h"

namespace natrix::tls {
namespace {

using ::testing::HasSubstr;

std::string error(const Options& options) {
  Result<std::shared_ptr<const Context>> context = Context::make(options);
  return context ? "" : context.error().message;
}

TEST(Context, KnowsItsCertificate) {
  Files files;
  std::shared_ptr<const Context> context = make(files.options());
  EXPECT_EQ(context->certificate().subject, "CN=localhost");
  EXPECT_FALSE(context->certificate().serial.empty());
  auto now = std::chrono::system_clock::now();
  EXPECT_LT(context->certificate().not_before, now);
  EXPECT_GT(context->certificate().not_after, now);
  EXPECT_LT(context->certificate().not_after, now + std::chrono::hours(25));
}

TEST(Context, DigestChangesWithFilesAndOptions) {
  Files files;
  Options options = files.options();
  std::string digest = make(options)->digest();
  EXPECT_EQ(make(options)->digest(), digest);
  Options other = options;
  other.verify = true;
  EXPECT_NE(make(other)->digest(), digest);
  options = files.options();  // the same file names, another certificate
  EXPECT_NE(make(options)->digest(), digest);
}

TEST(Context, WhatIsWrongWithAFileIsSaidWithItsName) {
  Files files;
  Options good = files.options();
  Options missing = good;
  missing.certificates[0].cert_file = "/nonexistent.pem";
  EXPECT_THAT(error(missing), HasSubstr("open /nonexistent.pem: No such file"));
  Options no_cert = good;
  no_cert.certificates[0].cert_file = good.certificates[0].key_file;
  EXPECT_THAT(error(no_cert), HasSubstr("failed to find any PEM data in certificate input " +
                                        good.certificates[0].key_file));
  Options no_key = good;
  no_key.certificates[0].key_file = good.ca_file;
  EXPECT_THAT(error(no_key), HasSubstr(good.ca_file + " holds no private key"));
  Options mismatch = good;
  mismatch.certificates[0].key_file = files.options("other").certificates[0].key_file;
  EXPECT_THAT(error(mismatch), HasSubstr("does not match public key"));
  Options no_ca = good;
  no_ca.ca_file = good.certificates[0].key_file;
  EXPECT_THAT(error(no_ca), HasSubstr("failed to parse root ca certificate"));
  Options folder = good;
  folder.ca_file = files.dir().path();
  EXPECT_NE(error(folder), "");
}

TEST(Context, ALockedKeyIsRefusedAndNobodyIsAskedForItsPassphrase) {
  Files files;
  Options options = files.options();
  options.certificates[0].key_file =
      files.dir().write("locked.key",
                        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                        "MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBCVEJj8J6Tbx2yI3U5J\n"
                        "-----END ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_THAT(error(options), HasSubstr("no private key in PEM without a passphrase"));
}

TEST(Context, UnknownNamesAreRefused) {
  Files files;
  Options options = files.options();
  options.cipher_suites = {"TLS_NO_SUCH"};
  EXPECT_THAT(error(options), HasSubstr("unrecognized cipher TLS_NO_SUCH"));
  options.cipher_suites = {"TLS_RSA_WITH_RC4_128_SHA"};
  EXPECT_THAT(error(options), HasSubstr("not in this OpenSSL"));
  options.cipher_suites.clear();
  options.curves = {"CurveP1"};
  EXPECT_THAT(error(options), HasSubstr("unrecognized curve preference CurveP1"));
}

TEST(Suites, AllButTheBrokenOnesAreThere) {
  for (const Suite& suite : suites()) {
    bool broken =
        suite.name.find("RC4") != suite.name.npos || suite.name.find("3DES") != suite.name.npos;
    EXPECT_EQ(available(suite), !broken) << suite.name;
  }
}

}  // namespace
}  // namespace natrix::tls
