#include "broker/tls/distinguished_name.h"

#include <gtest/gtest.h>

namespace natrix::tls {
namespace {

DistinguishedName parsed(std::string_view text) {
  Result<DistinguishedName> name = parse_distinguished_name(text);
  EXPECT_TRUE(name.ok()) << text;
  return name ? *name : DistinguishedName{};
}

TEST(DistinguishedName, HasPartsOfAttributes) {
  DistinguishedName name = parsed("CN=alice, OU=one+O=acme ,DC = com");
  ASSERT_EQ(name.parts.size(), 3U);
  ASSERT_EQ(name.parts[1].size(), 2U);
  EXPECT_EQ(name.parts[0][0].value, "alice");
  EXPECT_EQ(name.parts[1][1].type, "O");
  EXPECT_EQ(name.parts[1][1].value, "acme");
  EXPECT_EQ(name.parts[2][0].type, "DC");
}

TEST(DistinguishedName, EscapesAreUndone) {
  EXPECT_EQ(parsed("CN=a\\,b\\+c").parts[0][0].value, "a,b+c");
  EXPECT_EQ(parsed("CN=Lu\\C4\\8Di\\C4\\87").parts[0][0].value, "Lu\xC4\x8Di\xC4\x87");
  EXPECT_EQ(parsed("CN=a\\ ").parts[0][0].value, "a ");
}

TEST(DistinguishedName, WhatIsNoNameIsRefused) {
  for (const char* text : {"alice", "CN=a\\", "CN=a\\x", "CN=#0403", ",CN=a", "CN=a,b"}) {
    EXPECT_FALSE(parse_distinguished_name(text).ok()) << text;
  }
}

TEST(DistinguishedName, EqualityDependsOnTheOrderOfPartsAlone) {
  DistinguishedName name = parsed("CN=a,OU=b+O=c");
  EXPECT_TRUE(name.equals(parsed("cn=a,O=c+ou=b")));
  EXPECT_FALSE(name.equals(parsed("OU=b+O=c,CN=a")));
  EXPECT_FALSE(name.equals(parsed("CN=A,OU=b+O=c")));
  EXPECT_FALSE(name.equals(parsed("CN=a,OU=b,O=c")));
  EXPECT_FALSE(name.equals(parsed("CN=a")));
}

TEST(DistinguishedName, MatchingDoesNotDependOnAnyOrder) {
  DistinguishedName name = parsed("CN=a,OU=b,OU=b2");
  EXPECT_TRUE(name.matches(parsed("OU=b2,OU=b,CN=a")));
  EXPECT_FALSE(name.matches(parsed("OU=b,OU=b,CN=a")));
  EXPECT_FALSE(name.matches(parsed("CN=a,OU=b")));
  EXPECT_FALSE(name.matches(parsed("CN=a,OU=b,OU=b2,O=c")));
}

}  // namespace
}  // namespace natrix::tls
