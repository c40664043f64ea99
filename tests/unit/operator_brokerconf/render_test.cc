// What the renderer writes, and that real servers read it. The servers checked are those found:
// the program named by NATRIX_BROKER or build/bin/natrix-broker, and nats-server on the PATH or
// named by NATS_SERVER; without any of them that test is reported as skipped.
#include "operator/brokerconf/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace natrix::brokerconf {
namespace {

using model::Cluster;
using model::Json;
using testing::HasSubstr;
using testing::Not;

Cluster cluster_of(const char* spec) {
  const Json object = {{"metadata", {{"name", "nats"}, {"namespace", "shop"}, {"uid", "u"}}},
                       {"spec", Json::parse(spec)}};
  auto parsed = model::parse_cluster(object);
  if (!parsed) throw std::runtime_error(parsed.error().front().text());
  return *parsed;
}

const Secrets kSecrets = {
    {"route", "s3cr:t/@"}, "t0k\"en", {{"alice", "pa$$"}, {"bob", "$2a$04$x"}}};

constexpr const char* kFull = R"({
  "replicas": 2,
  "config": {
    "nats": {"maxPayload": "8Mi", "maxConnections": 10000, "maxSubscriptions": 11, "maxControlLine": 8192,
             "maxPending": "128MB", "writeDeadline": "30s", "pingInterval": "1m", "pingMax": 5},
    "cluster": {"name": "east"},
    "serverNamePrefix": "east-", "serverTags": ["az:1", "ssd"],
    "logging": {"debug": true},
    "merge": {"max_traced_msg_len": 10, "cluster": {"connect_retries": 3}}},
  "auth": {"mode": "Users", "users": [
    {"secretRef": {"name": "a"}, "permissions": {"publish": {"allow": ["a.>"], "deny": ["a.b"]},
                                                 "subscribe": {"allow": ["_INBOX.>"]}}},
    {"secretRef": {"name": "b"}}]}})";

constexpr const char* kHeader =
    "# Written by natrix-operator; edit the NatsCluster instead, changes made here are "
    "overwritten.\n";

TEST(Render, TheSmallestClusterIsGolden) {
  const Rendered out = render(cluster_of(R"({"replicas": 2})"), kSecrets);
  EXPECT_EQ(out.nats_conf, std::string(kHeader) +
                               "server_name: $SERVER_NAME\n"
                               "host: $LISTEN_ADDRESS\n"
                               "port: 4222\n"
                               "http_port: 8222\n"
                               "lame_duck_duration: \"30s\"\n"
                               "lame_duck_grace_period: \"10s\"\n"
                               "cluster {\n"
                               "  name: \"nats\"\n"
                               "  host: $LISTEN_ADDRESS\n"
                               "  port: 6222\n"
                               "  no_advertise: true\n"
                               "  include \"cluster.conf\"\n"
                               "}\n");
  EXPECT_EQ(
      out.cluster_conf,
      std::string(kHeader) +
          "authorization {\n"
          "  user: \"route\"\n"
          "  password: \"s3cr:t/@\"\n"
          "}\n"
          "routes: [\n"
          "  "
          "\"nats-route://route:s3cr%3At%2F%40@nats-0.nats-headless.shop.svc.cluster.local:6222\"\n"
          "  "
          "\"nats-route://route:s3cr%3At%2F%40@nats-1.nats-headless.shop.svc.cluster.local:6222\"\n"
          "]\n");
  EXPECT_EQ(out.auth_conf, "");
}

TEST(Render, TheFullClusterIsGolden) {
  const Rendered out = render(cluster_of(kFull), kSecrets);
  EXPECT_EQ(out.nats_conf, std::string(kHeader) +
                               "server_name: $SERVER_NAME\n"
                               "host: $LISTEN_ADDRESS\n"
                               "port: 4222\n"
                               "http_port: 8222\n"
                               "max_payload: 8388608\n"
                               "max_connections: 10000\n"
                               "max_subscriptions: 11\n"
                               "max_control_line: 8192\n"
                               "max_pending: 134217728\n"
                               "write_deadline: \"30s\"\n"
                               "ping_interval: \"1m\"\n"
                               "ping_max: 5\n"
                               "server_tags: [\n  \"az:1\"\n  \"ssd\"\n]\n"
                               "lame_duck_duration: \"30s\"\n"
                               "lame_duck_grace_period: \"10s\"\n"
                               "debug: true\n"
                               "cluster {\n"
                               "  name: \"east\"\n"
                               "  host: $LISTEN_ADDRESS\n"
                               "  port: 6222\n"
                               "  no_advertise: true\n"
                               "  include \"cluster.conf\"\n"
                               "  connect_retries: 3\n"
                               "}\n"
                               "max_traced_msg_len: 10\n"
                               "include \"auth.conf\"\n");
  EXPECT_EQ(out.auth_conf, std::string(kHeader) +
                               "authorization {\n"
                               "  users: [\n"
                               "    {\n"
                               "      user: \"alice\"\n"
                               "      password: \"pa$$\"\n"
                               "      permissions {\n"
                               "        publish {\n"
                               "          allow: [\n            \"a.>\"\n          ]\n"
                               "          deny: [\n            \"a.b\"\n          ]\n"
                               "        }\n"
                               "        subscribe {\n"
                               "          allow: [\n            \"_INBOX.>\"\n          ]\n"
                               "        }\n"
                               "      }\n"
                               "    }\n"
                               "    {\n"
                               "      user: \"bob\"\n"
                               "      password: \"$2a$04$x\"\n"
                               "    }\n"
                               "  ]\n"
                               "}\n");
}

TEST(Render, SecretsStayOutOfTheConfigMap) {
  for (const char* spec :
       {R"({})", kFull, R"({"auth": {"mode": "Token", "tokenSecretRef": {"name": "t"}}})"}) {
    const std::string text = render(cluster_of(spec), kSecrets).nats_conf;
    for (const char* secret : {"s3cr", "t0k", "pa$$", "$2a$04$x"})
      EXPECT_THAT(text, Not(HasSubstr(secret)));
  }
}

TEST(Render, ScalingAsksNobodyToRestart) {
  const Rendered two = render(cluster_of(R"({"replicas": 2})"), kSecrets);
  const Rendered three = render(cluster_of(R"({"replicas": 3})"), kSecrets);
  EXPECT_NE(two.cluster_conf, three.cluster_conf);
  EXPECT_EQ(two.restart_digest, three.restart_digest);
}

TEST(Render, EverythingElseDoes) {
  const std::string before = render(cluster_of("{}"), kSecrets).restart_digest;
  for (const char* spec : {R"({"config": {"nats": {"maxPayload": 1024}}})",
                           R"({"config": {"logging": {"debug": true}}})",
                           R"({"config": {"cluster": {"noAdvertise": false}}})",
                           R"({"config": {"merge": {"max_subs": 1}}})"}) {
    EXPECT_NE(render(cluster_of(spec), kSecrets).restart_digest, before) << spec;
  }
  Secrets rotated = kSecrets;
  rotated.routes.password = "other";
  EXPECT_NE(render(cluster_of("{}"), rotated).restart_digest, before);
}

class RealServers : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "natrix-render-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    for (const char* variable : {"NATRIX_BROKER", "NATS_SERVER"}) {
      if (const char* program = std::getenv(variable)) programs_.emplace_back(program);
    }
    const std::filesystem::path own =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../bin/natrix-broker";
    if (std::filesystem::exists(own)) programs_.push_back(own);
    if (std::system("command -v nats-server >/dev/null 2>&1") == 0)
      programs_.emplace_back("nats-server");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void write(const char* name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
  }

  // The server's words; empty when it takes the configuration.
  std::string judge(const std::string& program, const Rendered& rendered) {
    write(kMainFile, rendered.nats_conf);
    write(kClusterFile, rendered.cluster_conf);
    write(kAuthFile, rendered.auth_conf);
    const std::string command = "SERVER_NAME=east-nats-0 LISTEN_ADDRESS=0.0.0.0 LIMIT=4321 '" +
                                program + "' -c '" + (directory_ / kMainFile).string() +
                                "' -t 2>&1";
    FILE* pipe = popen(command.c_str(), "r");
    std::string output;
    char buffer[4096];
    while (const size_t got = fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, got);
    return pclose(pipe) == 0 ? "" : "failed: " + output;
  }

  std::filesystem::path directory_;
  std::vector<std::string> programs_;
};

TEST_F(RealServers, TakeEveryConfiguration) {
  if (programs_.empty()) GTEST_SKIP() << "neither natrix-broker nor nats-server is there to ask";
  const char* const kSpecs[] = {
      R"({})",
      kFull,
      R"({"replicas": 1})",
      R"({"auth": {"mode": "Token", "tokenSecretRef": {"name": "t"}}})",
      R"({"config": {"monitor": {"enabled": false}, "logging": {"trace": true},
          "nats": {"maxConnections": -1}}})",
      R"({"config": {"merge": {"max_conn": "<< $LIMIT >>", "authorization": {"timeout": 1.5, "users":
          [{"user": "a \"q\"\\ \n x", "password": "b"}]}, "max_payload": "<< 2MB >>"}}})",
  };
  for (const std::string& program : programs_) {
    for (const char* spec : kSpecs) {
      EXPECT_EQ(judge(program, render(cluster_of(spec), kSecrets)), "") << program << "\n" << spec;
    }
    EXPECT_THAT(judge(program, {"no_such_key: 1\n", "", "", ""}), HasSubstr("no_such_key"))
        << program << " takes anything, so the test above says nothing";
  }
}

}  // namespace
}  // namespace natrix::brokerconf
