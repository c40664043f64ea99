#include "operator/brokerconf/certificate.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "tests/support/test_certs.h"

namespace natrix::brokerconf {
namespace {

TEST(ReadCertificate, TellsSerialAndValidity) {
  const tests::TestAuthority authority("ca");
  const tests::CertAndKey pair = authority.issue({{"CN", "nats"}}, {}, 3);
  const auto facts = read_certificate(pair.cert_pem, pair.key_pem, authority.cert_pem());
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_FALSE(facts->serial.empty());
  EXPECT_EQ(facts->serial.find_first_not_of("0123456789abcdef"), std::string::npos);
  const auto now = std::chrono::system_clock::now();
  EXPECT_LE(facts->not_before, now);
  EXPECT_GT(facts->not_after, now + std::chrono::hours(48));
  const tests::CertAndKey next = authority.issue("nats");
  EXPECT_NE(read_certificate(next.cert_pem, next.key_pem, "")->serial, facts->serial);
}

TEST(ReadCertificate, SaysWhatIsWrong) {
  const tests::TestAuthority authority("ca");
  const tests::CertAndKey one = authority.issue("one");
  const tests::CertAndKey two = authority.issue("two");
  const auto error = [](const std::string& cert, const std::string& key, const std::string& ca) {
    const auto facts = read_certificate(cert, key, ca);
    return facts ? std::string() : facts.error().message;
  };
  EXPECT_EQ(error("junk", one.key_pem, ""), "the certificate is no PEM certificate");
  EXPECT_EQ(error(one.cert_pem, "junk", ""), "the key is no PEM private key without passphrase");
  EXPECT_EQ(error(one.cert_pem, two.key_pem, ""), "the key is not that of the certificate");
  EXPECT_EQ(error(one.cert_pem, one.key_pem, "junk"), "the authority is no PEM certificate");
  EXPECT_EQ(ERR_peek_error(), 0UL) << "nothing is left for others to find";
}

}  // namespace
}  // namespace natrix::brokerconf
