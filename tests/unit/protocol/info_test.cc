#include "broker/protocol/info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace natrix::protocol {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The JSON of an INFO line.
json info_json(const Info& info) {
  std::string line = encode(info);
  EXPECT_TRUE(line.starts_with("INFO {")) << line;
  EXPECT_TRUE(line.ends_with("}\r\n")) << line;
  return json::parse(line.substr(5));
}

Connect connect(std::string_view text) {
  Result<Connect> got = decode_connect(text);
  EXPECT_TRUE(got.ok()) << text << ": " << (got ? "" : got.error().message);
  return got ? *got : Connect{};
}

TEST(Connect, DefaultsAreThoseOfMissingFields) {
  Connect c = connect("{}");
  EXPECT_TRUE(c.verbose);
  EXPECT_TRUE(c.pedantic);
  EXPECT_TRUE(c.echo);
  EXPECT_FALSE(c.tls_required);
  EXPECT_FALSE(c.headers);
  EXPECT_FALSE(c.no_responders);
  EXPECT_EQ(c.protocol, 0);
  EXPECT_FALSE(c.has_credentials());
}

TEST(Connect, AllFields) {
  Connect c = connect(R"({"verbose":false,"pedantic":false,"echo":false,"tls_required":true,
      "headers":true,"no_responders":true,"protocol":1,"name":"n","lang":"go","version":"1.2.3",
      "user":"u","pass":"p","auth_token":"t","nkey":"k","sig":"s","jwt":"j","account":"a",
      "new_account":true,"somebody elses":{"deep":[1,2]}})");
  EXPECT_FALSE(c.verbose);
  EXPECT_FALSE(c.pedantic);
  EXPECT_FALSE(c.echo);
  EXPECT_TRUE(c.tls_required);
  EXPECT_TRUE(c.headers);
  EXPECT_TRUE(c.no_responders);
  EXPECT_EQ(c.protocol, 1);
  EXPECT_EQ(c.name + c.lang + c.version, "ngo1.2.3");
  EXPECT_EQ(c.user + c.pass + c.auth_token + c.nkey + c.sig + c.jwt + c.account, "uptksja");
  EXPECT_TRUE(c.new_account);
}

TEST(Connect, CredentialsThatEveryServerUnderstands) {
  for (const char* key : {"user", "pass", "auth_token"}) {
    EXPECT_TRUE(connect(std::string("{\"") + key + "\":\"x\"}").has_credentials()) << key;
    EXPECT_FALSE(connect(std::string("{\"") + key + "\":\"\"}").has_credentials()) << key;
  }
  for (const char* key : {"nkey", "sig", "jwt"}) {
    EXPECT_FALSE(connect(std::string("{\"") + key + "\":\"x\"}").has_credentials()) << key;
  }
  EXPECT_FALSE(connect(R"({"name":"x"})").has_credentials());
}

TEST(Connect, NullIsAsMissing) {
  EXPECT_TRUE(connect(R"({"verbose":null,"user":null})").verbose);
}

TEST(Connect, EscapesAndUnicode) {
  EXPECT_EQ(connect(R"({"name":"a\"b\\cé\n"})").name, "a\"b\\c\xC3\xA9\n");
  EXPECT_EQ(connect("{\"name\":\"\xE6\x97\xA5\"}").name, "\xE6\x97\xA5");
}

TEST(Connect, BadTextIsRefused) {
  for (const char* bad : {"", "{", "}", "[]", "1", "\"x\"", "null", "{\"a\"}", "{\"a\":1}}",
                          "{a:1}", "{'a':1}", "{\"name\":\"\xFF\"}", "{\"verbose\":tru}"}) {
    EXPECT_FALSE(decode_connect(bad).ok()) << bad;
  }
}

TEST(Connect, WrongTypesAreRefusedByName) {
  struct {
    const char* text;
    const char* field;
  } cases[] = {
      {R"({"verbose":1})", "verbose"},
      {R"({"verbose":"true"})", "verbose"},
      {R"({"echo":[]})", "echo"},
      {R"({"protocol":"1"})", "protocol"},
      {R"({"protocol":1.5})", "protocol"},
      {R"({"protocol":true})", "protocol"},
      {R"({"user":1})", "user"},
      {R"({"pass":{}})", "pass"},
      {R"({"name":["x"]})", "name"},
      {R"({"protocol":4294967297})", "protocol"},
      {R"({"protocol":-4294967295})", "protocol"},
      {R"({"protocol":18446744073709551615})", "protocol"},
      {R"({"protocol":99999999999999999999})", "protocol"},
  };
  for (const auto& c : cases) {
    Result<Connect> got = decode_connect(c.text);
    ASSERT_FALSE(got.ok()) << c.text;
    EXPECT_THAT(got.error().message, HasSubstr(std::string("\"") + c.field + "\"")) << c.text;
  }
}

TEST(Connect, DeepNestingDoesNoHarm) {
  std::string deep = R"({"x":)" + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_TRUE(decode_connect(deep).ok());
  EXPECT_FALSE(decode_connect(std::string(100000, '{')).ok());
}

TEST(Connect, OfARoute) {
  Connect c;
  c.name = "NABC";
  c.cluster = "east";
  c.user = "r";
  c.pass = "secret";
  c.verbose = c.pedantic = false;
  c.headers = true;
  std::string line = encode_route_connect(c);
  ASSERT_TRUE(line.starts_with("CONNECT {") && line.ends_with("}\r\n")) << line;
  Connect back = connect(std::string_view(line).substr(8));
  EXPECT_EQ(back.name, "NABC");
  EXPECT_EQ(back.cluster, "east");
  EXPECT_EQ(back.user, "r");
  EXPECT_EQ(back.pass, "secret");
  EXPECT_FALSE(back.verbose);
  EXPECT_TRUE(back.headers);
}

// Fields that every client may rely on are there even when they say nothing.
TEST(Info, WhatIsAlwaysThere) {
  json j = info_json({});
  std::vector<std::string> keys;
  for (auto& [key, value] : j.items()) keys.push_back(key);
  EXPECT_THAT(keys,
              ::testing::UnorderedElementsAre("server_id", "server_name", "version", "proto", "go",
                                              "host", "port", "headers", "max_payload"));
  EXPECT_EQ(j["proto"], 1);
  EXPECT_EQ(j["headers"], true);
}

TEST(Info, OptionalFieldsAppearWhenSet) {
  Info info;
  info.server_id = "NID";
  info.auth_required = true;
  info.client_id = 18446744073709551615ULL;
  info.client_ip = "::1";
  info.connect_urls = {"a:4222", "[::1]:4222"};
  info.ldm = true;
  info.connect_info = true;
  info.remote_account = "$G";
  info.cluster = "c";
  info.impl = "natrix";
  json j = info_json(info);
  EXPECT_EQ(j["server_id"], "NID");
  EXPECT_EQ(j["auth_required"], true);
  EXPECT_EQ(j["client_id"], 18446744073709551615ULL);
  EXPECT_EQ(j["client_ip"], "::1");
  EXPECT_EQ(j["connect_urls"], json({"a:4222", "[::1]:4222"}));
  EXPECT_EQ(j["ldm"], true);
  EXPECT_EQ(j["connect_info"], true);
  EXPECT_EQ(j["remote_account"], "$G");
  EXPECT_EQ(j["cluster"], "c");
  EXPECT_EQ(j["impl"], "natrix");
}

// Names come from a configuration and may hold anything: the line stays one line of valid JSON.
TEST(Info, OddNamesStayInsideTheJson) {
  Info info;
  info.server_name = "a\"b\r\nPING\r\n\xFF";
  std::string line = encode(info);
  EXPECT_EQ(line.find("\r\n"), line.size() - 2);
  EXPECT_TRUE(json::accept(line.substr(5)));
}

TEST(Info, BackAndForth) {
  Info info;
  info.server_id = "NX";
  info.server_name = "n1";
  info.version = "2.11.0";
  info.host = "127.0.0.1";
  info.port = 6222;
  info.max_payload = 1048576;
  info.auth_required = true;
  info.nonce = "abc";
  info.cluster = "c";
  info.ip = "nats-route://127.0.0.1:6222/";
  info.connect_urls = {"x:1", "y:2"};
  info.lnoc = info.lnocu = info.info_on_connect = true;
  info.import_deny = std::vector<std::string>{"secret.>"};
  info.export_allow = std::vector<std::string>{};
  info.route_pool_size = 3;
  info.route_pool_idx = 2;
  info.route_account = "$SYS";
  info.gossip_mode = 2;
  std::string line = encode(info);
  Result<Info> got = decode_info(std::string_view(line).substr(5));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(encode(*got), line);
  EXPECT_THAT(got->connect_urls, ElementsAre("x:1", "y:2"));
  ASSERT_TRUE(got->import_deny.has_value());
  EXPECT_THAT(*got->import_deny, ElementsAre("secret.>"));
  EXPECT_FALSE(got->import_allow.has_value());
  ASSERT_TRUE(got->export_allow.has_value());
  EXPECT_THAT(*got->export_allow, IsEmpty());
}

TEST(Info, WhatPeersMaySendWrongly) {
  for (const char* bad :
       {"", "[]", R"({"port":"4222"})", R"({"client_id":-1})", R"({"connect_urls":"a"})",
        R"({"connect_urls":[1]})", R"({"max_payload":1e30})", R"({"headers":0})",
        R"({"import":{"allow":"x"}})", R"({"port":99999999999})"}) {
    EXPECT_FALSE(decode_info(bad).ok()) << bad;
  }
  EXPECT_TRUE(decode_info("{}").ok());
}

}  // namespace
}  // namespace natrix::protocol
