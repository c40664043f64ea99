#include "operator/brokerconf/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/brokerconf/render.h"

namespace natrix::brokerconf {
namespace {

using testing::HasSubstr;

const Variables kVariables = {{"SERVER_NAME", "nats-0"}, {"LISTEN_ADDRESS", "0.0.0.0"}};

Files files_of(const char* spec, int servers = 3) {
  const model::Json object = {{"metadata", {{"name", "nats"}, {"namespace", "shop"}, {"uid", "u"}}},
                              {"spec", model::Json::parse(spec)}};
  const auto cluster = model::parse_cluster(object);
  if (!cluster) throw std::runtime_error(cluster.error().front().text());
  const Rendered rendered = render(*cluster, {{"route", "secret"}, "token", {}}, servers);
  Files out = {{kMainFile, rendered.nats_conf}, {kClusterFile, rendered.cluster_conf}};
  if (!rendered.auth_conf.empty()) out[kAuthFile] = rendered.auth_conf;
  return out;
}

TEST(DigestInUse, IsThatOfTheFilesTogether) {
  const Files files = files_of("{}");
  const auto digest = digest_in_use(files, kVariables);
  ASSERT_TRUE(digest) << digest.error().message;
  EXPECT_EQ(digest->substr(0, 7), "sha256:");
  EXPECT_EQ(*digest_in_use(files, kVariables), *digest);
  EXPECT_NE(*digest_in_use(files_of("{}", 4), kVariables), *digest) << "an included file";
  EXPECT_NE(*digest_in_use(files, {{"SERVER_NAME", "nats-1"}, {"LISTEN_ADDRESS", "0.0.0.0"}}),
            *digest);
}

TEST(DigestInUse, CannotBeForetoldWithoutAllVariables) {
  const auto digest = digest_in_use(files_of("{}"), {{"SERVER_NAME", "nats-0"}});
  ASSERT_FALSE(digest);
  EXPECT_THAT(digest.error().message, HasSubstr("LISTEN_ADDRESS"));
  EXPECT_FALSE(digest_in_use({}, kVariables));
}

TEST(CanReload, WhatServersReadAgain) {
  const Files now = files_of("{}");
  for (const char* next : {
           R"({"config": {"nats": {"maxPayload": "2MB", "pingInterval": "1m"}}})",
           R"({"config": {"logging": {"debug": true}}})",
           R"({"config": {"lameDuck": {"duration": "1m"}}})",
           R"({"auth": {"mode": "Token", "tokenSecretRef": {"name": "t"}}})",
       }) {
    const auto possible = can_reload(now, files_of(next), kVariables);
    EXPECT_TRUE(possible) << next << ": " << possible.error().message;
  }
  EXPECT_TRUE(can_reload(now, files_of("{}", 5), kVariables)) << "routes";
  const Files tls =
      files_of(R"({"config": {"nats": {"tls": {"enabled": true, "secretName": "t"}}}})");
  EXPECT_TRUE(can_reload(tls, tls, kVariables)) << "the certificates are not looked at";
}

TEST(CanReload, WhatIsReadOnlyAtStart) {
  const Files now = files_of("{}");
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"config": {"nats": {"port": 4333}}})", "port"},
      {R"({"config": {"cluster": {"name": "other"}}})", "cluster"},
      {R"({"config": {"nats": {"tls": {"enabled": true, "secretName": "t"}}}})", "tls"},
      {R"({"config": {"cluster": {"tls": {"enabled": true, "secretName": "t"}}}})", "tls"},
      {R"({"config": {"merge": {"no_such_key": 1}}})", "no_such_key"},
      {R"({"config": {"merge": {"max_traced_msg_len": "<< $MINE >>"}}})", "MINE"},
  };
  for (const auto& [next, expected] : kCases) {
    const auto possible = can_reload(now, files_of(next), kVariables);
    ASSERT_FALSE(possible) << next;
    EXPECT_THAT(possible.error().message, HasSubstr(expected)) << next;
  }
}

}  // namespace
}  // namespace natrix::brokerconf
