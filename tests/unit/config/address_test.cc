#include "broker/config/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace natrix::config {
namespace {

using ::testing::HasSubstr;

TEST(Address, HostAndPort) {
  struct Case {
    const char* text;
    const char* host;
    int port;
  };
  for (const Case& c : {Case{"h:1", "h", 1},
                        {":1", "", 1},
                        {"[::1]:2", "::1", 2},
                        {" 127.0.0.1:-1 ", "127.0.0.1", -1},
                        {"[]:5", "", 5}}) {
    Result<HostPort> result = parse_host_port(c.text);
    ASSERT_TRUE(result) << c.text;
    EXPECT_EQ(result->host, c.host);
    EXPECT_EQ(result->port, c.port);
  }
  for (const char* text : {"", "h", "h:", "h:x", "h:1x", "h:-2", "h:65536", "::1", "a:b:c", "[::1]",
                           "[::1]5", "[::1:5"})
    EXPECT_FALSE(parse_host_port(text)) << text;
}

TEST(Address, AdvertisedMayLackThePort) {
  struct Case {
    const char* text;
    const char* host;
    int port;
  };
  for (const Case& c : {Case{"h", "h", 0},
                        {"h:5", "h", 5},
                        {"h:-1", "h", 0},
                        {"[::1]", "::1", 0},
                        {"[::1]:7", "::1", 7}}) {
    Result<HostPort> result = parse_advertise(c.text);
    ASSERT_TRUE(result) << c.text;
    EXPECT_EQ(result->host, c.host);
    EXPECT_EQ(result->port, c.port);
  }
  for (const char* text : {"", ":5", "h:x", "a:b:c"}) EXPECT_FALSE(parse_advertise(text)) << text;
}

TEST(Address, UrlsReadBackAsWritten) {
  for (const char* text : {"nats://h:1", "nats-route://u:p@h:1", "nats://u@h:1", "nats://[::1]:-1",
                           "nats://u:a%40b%2Fc@h:1"}) {
    Result<Url> url = parse_url(text);
    ASSERT_TRUE(url) << text;
    EXPECT_EQ(url->text(true), text);
  }
  Result<Url> url = parse_url(" nats://u:p%40@h:1/ ");
  ASSERT_TRUE(url);
  EXPECT_EQ(*url, (Url{"nats", "u", "p@", "h", 1}));
  EXPECT_EQ(url->text(), "nats://u:xxxxx@h:1");
}

TEST(Address, WrongUrlsAreErrorsThatHidePasswords) {
  for (const char* text : {"", "h:1", "://h:1", "nats://", "nats://h", "nats://h:x", "nats://:1",
                           "nats://u:%4@h:1", "nats://u%:p@h:1", "nats://a:b:1"})
    EXPECT_FALSE(parse_url(text)) << text;
  Result<Url> result = parse_url("nats://u:secret@h:x");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("nats://[REDACTED]@h:x"));
  EXPECT_EQ(result.error().message.find("secret"), std::string::npos);
}

TEST(Address, ListsOfUrls) {
  Result<std::vector<Url>> urls = parse_urls("nats://a:1, nats://b:2,,");
  ASSERT_TRUE(urls);
  ASSERT_EQ(urls->size(), 2U);
  EXPECT_EQ((*urls)[1].host, "b");
  EXPECT_TRUE(parse_urls("")->empty());
  EXPECT_FALSE(parse_urls("nats://a:1,b"));
}

}  // namespace
}  // namespace natrix::config
