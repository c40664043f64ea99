#include "broker/route/route_identity.h"

#include <gtest/gtest.h>

namespace natrix::route {
namespace {

TEST(DnsNameMatches, LabelByLabel) {
  EXPECT_TRUE(dns_name_matches("a.example.com", "A.Example.COM"));
  EXPECT_TRUE(dns_name_matches("*.example.com", "a.example.com"));
  EXPECT_FALSE(dns_name_matches("*.example.com", "a.b.example.com"));
  EXPECT_FALSE(dns_name_matches("*.example.com", "example.com"));
  EXPECT_FALSE(dns_name_matches("a.*.com", "a.example.com"));
  EXPECT_FALSE(dns_name_matches("b*.example.com", "bc.example.com"));
  EXPECT_FALSE(dns_name_matches("a.example.com", "a.example.org"));
}

TEST(CertificateAccepted, ByKnownHostOrByUser) {
  tls::PeerNames names;
  names.emails = {"r@example.com"};
  names.dns_names = {"*.example.com"};
  names.subject_text = "CN=route";
  tls::Options known;
  known.check_known_urls = true;
  EXPECT_TRUE(certificate_accepted(known, names, "", {"x.example.org", "x.example.com"}));
  EXPECT_FALSE(certificate_accepted(known, names, "r@example.com", {"x.example.org"}));
  EXPECT_FALSE(certificate_accepted(known, names, "", {}));
  tls::Options map;
  map.map = true;
  for (const char* user : {"r@example.com", "*.example.com", "CN=route"}) {
    EXPECT_TRUE(certificate_accepted(map, names, user, {})) << user;
  }
  EXPECT_FALSE(certificate_accepted(map, names, "CN=other", {"x.example.com"}));
  EXPECT_FALSE(certificate_accepted(map, {}, "", {}));
}

}  // namespace
}  // namespace natrix::route
