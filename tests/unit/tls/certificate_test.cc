#include "broker/tls/certificate.h"

#include <gmock/gmock.h>

#include "tests/unit/tls/support.h"

namespace natrix::tls {
namespace {

using ::testing::ElementsAre;

// What a server sees of a client with this certificate.
class PeerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Session> seen(const tests::TestAuthority::Subject& subject,
                                const std::vector<std::string>& alt_names = {}) {
    Options options;
    options.ca_file = files.ca();
    options.certificates = {files.write("peer", files.authority.issue(subject, alt_names))};
    Pair both(Session::server(make(files.options()), true),
              Session::client(make(options), "localhost"));
    EXPECT_TRUE(both.shake_hands());
    return std::move(both.server);
  }

  Files files;
};

// The texts are those nats-server 2.15.2 (Go 1.26) shows for such a certificate.
TEST_F(PeerTest, SubjectIsWrittenAsGoWritesIt) {
  auto session = seen({{"C", "US"},
                       {"ST", "California"},
                       {"L", "LA"},
                       {"O", "Acme"},
                       {"+OU", "One"},
                       {"OU", "Two"},
                       {"DC", "com"},
                       {"CN", "alice"},
                       {"emailAddress", "a@b.c"}});
  std::vector<PeerCertificate> peers = session->peer_certificates();
  ASSERT_EQ(peers.size(), 1U);
  EXPECT_EQ(peers[0].subject,
            "CN=alice,OU=One+OU=Two,O=Acme,L=LA,ST=California,C=US,"
            "1.2.840.113549.1.9.1=#0c056140622e63,0.9.2342.19200300.100.1.25=#1303636f6d");
  EXPECT_EQ(peers[0].spki_sha256.size(), 64U);
  EXPECT_EQ(peers[0].cert_sha256.size(), 64U);
}

TEST_F(PeerTest, SubjectIsAlsoADistinguishedName) {
  PeerNames names =
      seen({{"C", "US"}, {"O", "Acme"}, {"+OU", "One"}, {"CN", "a, b"}})->peer_names();
  EXPECT_EQ(names.subject_text, "CN=a\\, b,OU=One,O=Acme,C=US");
  ASSERT_TRUE(names.subject);
  EXPECT_TRUE(names.subject->equals(*parse_distinguished_name("CN=a\\, b,OU=One+O=Acme,C=US")));
  EXPECT_EQ(names.subject_text_with_domain, "");

  names = seen({{"DC", "com"}, {"DC", "example"}, {"CN", "x"}})->peer_names();
  EXPECT_EQ(names.subject_text_with_domain, "CN=x,DC=com,DC=example");
  EXPECT_TRUE(names.subject->equals(*parse_distinguished_name("CN=x,DC=example,DC=com")));

  EXPECT_FALSE(seen({{"CN", "x"}, {"emailAddress", "a@b"}})->peer_names().subject);
}

TEST_F(PeerTest, AlternativeNamesAreKeptByKind) {
  PeerNames names = seen({{"CN", "x"}}, {"DNS:a.example", "email:a@b.c", "URI:spiffe://x/y",
                                         "DNS:b.example", "IP:127.0.0.1"})
                        ->peer_names();
  EXPECT_THAT(names.emails, ElementsAre("a@b.c"));
  EXPECT_THAT(names.dns_names, ElementsAre("a.example", "b.example"));
  EXPECT_THAT(names.uris, ElementsAre("spiffe://x/y"));
}

}  // namespace
}  // namespace natrix::tls
