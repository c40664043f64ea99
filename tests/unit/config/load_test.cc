#include "broker/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/config/parser.h"
#include "tests/unit/config/parse_helpers.h"

namespace natrix::config {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Result<Loaded> load(std::string_view text) {
  Result<Value> root = parse_config(text, "a.conf", FakeWorld{}.surroundings());
  if (!root) return fail(root.error().message);
  return load_options(*root);
}

Options options(std::string_view text) {
  Result<Loaded> loaded = load(text);
  EXPECT_TRUE(loaded) << text << "\n" << (loaded ? "" : loaded.error().message);
  return loaded ? loaded->options : Options{};
}

std::string error(std::string_view text) {
  Result<Loaded> loaded = load(text);
  return loaded ? "no error" : loaded.error().message;
}

// Every spelling must do the same: `expected` is what it changes in the default options.
void expect_change(std::initializer_list<const char*> texts,
                   const std::function<void(Options&)>& change) {
  Options expected;
  change(expected);
  EXPECT_FALSE(expected == Options{}) << "a change that changes nothing proves nothing";
  for (const char* text : texts) EXPECT_TRUE(options(text) == expected) << text;
}

TEST(LoadOptions, EmptyGivesTheDefaultsAndAWarning) {
  Result<Loaded> loaded = load("");
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->options == Options{});
  EXPECT_THAT(loaded->warnings, ElementsAre("a.conf:1:1: config has no values or is empty"));
}

TEST(LoadOptions, Listeners) {
  expect_change({"host: h", "net: h", "HOST = h"}, [](Options& o) { o.host = "h"; });
  expect_change({"port: 5", "listen: 5", "listen: \":5\"", "listen: 0.0.0.0:5"},
                [](Options& o) { o.port = 5; });
  expect_change({"port: -1", "listen: -1", "listen: 0.0.0.0:-1"}, [](Options& o) { o.port = -1; });
  expect_change({"listen: \"[::1]:7\"", "host: ::1, port: 7"}, [](Options& o) {
    o.host = "::1";
    o.port = 7;
  });
  EXPECT_EQ(options("port: 0").port, 4222);
  EXPECT_EQ(options("listen: \"h:0\"").port, 4222);
  expect_change({"http: 8222", "http_port: 8222", "monitor_port: 8222", "http: \":8222\""},
                [](Options& o) { o.http_port = 8222; });
  expect_change({"http: \"127.0.0.1:-1\"", "http: 127.0.0.1:-1"}, [](Options& o) {
    o.http_host = "127.0.0.1";
    o.http_port = -1;
  });
  expect_change(
      {"http_base_path: nats", "http_base_path: /nats/", "http_base_path: \"//nats/x/..\""},
      [](Options& o) { o.http_base_path = "/nats"; });
  EXPECT_EQ(options("http_base_path: \"\"").http_base_path, "/");
}

TEST(LoadOptions, Identity) {
  expect_change({"server_name: n1", "server_name: \"n1\""},
                [](Options& o) { o.server_name = "n1"; });
  expect_change({"client_advertise: h:1"}, [](Options& o) { o.client_advertise = "h:1"; });
  expect_change({"server_tags: [\" A \", b, a]", "server_tags: [a, b]"}, [](Options& o) {
    o.tags = {"a", "b"};
  });
  expect_change({"server_tags: \"Az:1\""}, [](Options& o) { o.tags = {"az:1"}; });
  expect_change({"server_metadata { K: v, x: \"1\" }"}, [](Options& o) {
    o.metadata = {{"K", "v"}, {"x", "1"}};
  });
  expect_change({"system_account: '$SYS'", "system: \"$SYS\""},
                [](Options& o) { o.system_account = "$SYS"; });
  expect_change({"no_system_account: true", "no_system: true", "no_sys_acc: yes"},
                [](Options& o) { o.no_system_account = true; });
}

TEST(LoadOptions, LogAndFiles) {
  expect_change({"debug: true"}, [](Options& o) { o.log.debug = true; });
  expect_change({"trace: true"}, [](Options& o) { o.log.trace = true; });
  expect_change({"trace_verbose: true"}, [](Options& o) { o.trace_verbose = o.log.trace = true; });
  expect_change({"trace_headers: true"}, [](Options& o) { o.trace_headers = o.log.trace = true; });
  expect_change({"max_traced_msg_len: 10"}, [](Options& o) { o.max_traced_msg_len = 10; });
  expect_change({"logtime: false"}, [](Options& o) { o.log.time = false; });
  expect_change({"logtime_utc: true"}, [](Options& o) { o.log.time_utc = true; });
  expect_change({"log_file: f", "logfile: f"}, [](Options& o) { o.log.file = "f"; });
  expect_change({"log_size_limit: 1kb", "logfile_size_limit: 1024"},
                [](Options& o) { o.log.file_size_limit_bytes = 1024; });
  expect_change({"log_max_num: 3", "logfile_max_num: 3"},
                [](Options& o) { o.log.file_max_num = 3; });
  expect_change({"syslog: true"}, [](Options& o) { o.log.syslog = true; });
  expect_change({"remote_syslog: \"udp://h:1\""},
                [](Options& o) { o.log.remote_syslog = "udp://h:1"; });
  expect_change({"pid_file: p", "pidfile: p"}, [](Options& o) { o.pid_file = "p"; });
  expect_change({"ports_file_dir: d"}, [](Options& o) { o.ports_file_dir = "d"; });
  expect_change({"natrix_shards: 2"}, [](Options& o) { o.shards = 2; });
}

TEST(LoadOptions, Limits) {
  expect_change({"max_control_line: 100"}, [](Options& o) { o.max_control_line = 100; });
  expect_change({"max_payload: 2kb"}, [](Options& o) { o.max_payload = 2048; });
  expect_change({"max_pending: 2GB"}, [](Options& o) { o.max_pending = 2LL << 30; });
  expect_change({"max_connections: 5", "max_conn: 5"}, [](Options& o) { o.max_connections = 5; });
  expect_change({"max_connections: 0", "max_conn: -1"}, [](Options& o) { o.max_connections = -1; });
  expect_change({"max_subscriptions: 5", "max_subs: 5"},
                [](Options& o) { o.max_subscriptions = 5; });
  expect_change({"max_sub_tokens: 5", "max_subscription_tokens: 5"},
                [](Options& o) { o.max_subscription_tokens = 5; });
  expect_change({"max_closed_clients: 5"}, [](Options& o) { o.max_closed_clients = 5; });
  expect_change({"ping_interval: \"5s\"", "ping_interval: 5000ms", "ping_interval: 5"},
                [](Options& o) { o.ping_interval = 5s; });
  expect_change({"ping_max: 5"}, [](Options& o) { o.ping_max = 5; });
  expect_change({"write_deadline: \"2m\""}, [](Options& o) { o.write_deadline = 2min; });
  expect_change({"lame_duck_duration: \"1h\""}, [](Options& o) { o.lame_duck_duration = 1h; });
  expect_change({"lame_duck_grace_period: 5s"}, [](Options& o) { o.lame_duck_grace_period = 5s; });
  expect_change({"no_fast_producer_stall: true"},
                [](Options& o) { o.no_fast_producer_stall = true; });
  expect_change({"disable_sublist_cache: true", "no_sublist_cache: true"},
                [](Options& o) { o.disable_sublist_cache = true; });
  expect_change({"no_header_support: true"}, [](Options& o) { o.no_header_support = true; });
  expect_change({"connect_error_reports: 7"}, [](Options& o) { o.connect_error_reports = 7; });
  expect_change({"reconnect_error_reports: 7"}, [](Options& o) { o.reconnect_error_reports = 7; });
}

TEST(LoadOptions, ZeroStandsForTheDefault) {
  EXPECT_TRUE(options("max_payload: 0, max_pending: 0, max_control_line: 0, ping_max: 0\n"
                      "ping_interval: \"0s\", write_deadline: \"0\", max_closed_clients: 0\n"
                      "connect_error_reports: 0, lame_duck_grace_period: \"0s\", max_subs: -1\n"
                      "authorization {timeout: 0}, write_timeout: close") == Options{});
}

TEST(LoadOptions, WhatSaysOffIsAcceptedWhereOffIsAllWeDo) {
  EXPECT_TRUE(options("jetstream: false, allow_non_tls: no, ocsp: off, proxy_protocol: false\n"
                      "https_port: 0, prof_port: 0\n"
                      "cluster {compression: off}") == Options{});
  EXPECT_TRUE(options("jetstream: disabled, cluster {compression {enabled: false}}") == Options{});
  EXPECT_TRUE(options("jetstream {enabled: false}") == Options{});
}

TEST(LoadOptions, JetStreamInItsForms) {
  EXPECT_TRUE(options("jetstream: true").jetstream.enabled);
  EXPECT_TRUE(options("jetstream: enabled").jetstream.enabled);
  EXPECT_TRUE(options("jetstream {}").jetstream.enabled);
  EXPECT_FALSE(options("jetstream {disabled: true}").jetstream.enabled);
  JetStreamOptions all =
      options(
          "jetstream {store_dir: \"/x\", max_mem: 1GB, max_file_store: 2MB, domain: hub\n"
          "strict: false, sync_interval: 10s\n"
          "limits {max_ack_pending: 5, max_request_batch: 6, duplicate_window: \"1m\"}}")
          .jetstream;
  EXPECT_EQ(all.store_dir, "/x");
  EXPECT_EQ(all.max_memory, 1 << 30);
  EXPECT_EQ(all.max_file, 2 << 20);
  EXPECT_EQ(all.domain, "hub");
  EXPECT_FALSE(all.strict);
  EXPECT_EQ(all.sync_interval, std::chrono::seconds(10));
  EXPECT_EQ(all.max_ack_pending, 5);
  EXPECT_EQ(all.max_request_batch, 6);
  EXPECT_EQ(all.duplicate_window, std::chrono::minutes(1));
  EXPECT_EQ(options("jetstream {sync_interval: always}").jetstream.sync_interval.count(), 0);
  EXPECT_EQ(options("store_dir: /y").jetstream.store_dir, "/y");
}

TEST(LoadOptions, JetStreamRefusesWhatItDoesNotKnowByName) {
  EXPECT_THAT(error("jetstream: maybe"), HasSubstr("expected 'enabled' or 'disabled'"));
  EXPECT_THAT(error("jetstream {\n  cipher: aes}"),
              HasSubstr("a.conf:2:3: \"cipher\" is not supported"));
  EXPECT_THAT(error("jetstream {limits {batch {}}}"), HasSubstr("\"batch\" is not supported"));
  EXPECT_THAT(error("jetstream {max_momory: 1}"), HasSubstr("unknown field \"max_momory\""));
}

TEST(LoadOptions, AuthorizationOfOneUserOrToken) {
  expect_change({"authorization {user: u, password: p}", "authorization {username: u, pass: p}"},
                [](Options& o) {
                  o.authorization.user = "u";
                  o.authorization.password = "p";
                });
  expect_change({"authorization {token: t}"}, [](Options& o) { o.authorization.token = "t"; });
  expect_change({"authorization {timeout: 1.5}", "authorization {timeout: 1500ms}"},
                [](Options& o) { o.authorization.timeout = 1500ms; });
  expect_change({"authorization {timeout: 5}"}, [](Options& o) { o.authorization.timeout = 5s; });
}

TEST(LoadOptions, UsersWithPermissions) {
  expect_change(
      {"no_auth_user: b\n authorization { users = [\n"
       " {user: a, password: $2a$11$x, permissions {publish: foo, subscribe: [bar, \"baz q.*\"]}}\n"
       " {username: b, pass: p, permission {pub {allow: [x, y], deny: z}, sub {deny: \">\"}}}\n"
       " {user: c, authorization {import: i, export: e}}\n]\n"
       " default_permissions {publish {deny: d}} }",
       "H: $2a$11$x, no_auth_user: b\n authorization { permissions {pub {deny: [d]}}, users [\n"
       " {user: a, password: $H, permissions {publish: [foo], subscribe {allow: [bar, \"baz "
       "q.*\"]}}}\n"
       " {user: b, password: p, permissions {publish {allow: [x, y], deny: [z]}, sub {deny: "
       "[>]}}}\n"
       " {user: c, permissions {pub: i, sub: e}} ] }"},
      [](Options& o) {
        Permissions a{{{"foo"}, {}}, {{"bar", "baz q.*"}, {}}, {}};
        Permissions b{{{"x", "y"}, {"z"}}, {{}, {">"}}, {}};
        Permissions c{{{"i"}, {}}, {{"e"}, {}}, {}};
        o.authorization.users = {{"a", "$2a$11$x", a}, {"b", "p", b}, {"c", "", c}};
        o.authorization.default_permissions = Permissions{{{}, {"d"}}, {}, {}};
        o.no_auth_user = "b";
      });
}

TEST(LoadOptions, AVariableCalledPassIsNoPassword) {
  Options o = options("authorization {PASS: p\n users [{user: a, password: $PASS}]}");
  EXPECT_EQ(o.authorization.password, "");
  EXPECT_EQ(o.authorization.users.at(0).password, "p");
  EXPECT_THAT(error("authorization {PASS: p, users [{user: a}]}"), HasSubstr("users array"));
}

TEST(LoadOptions, ResponsePermissions) {
  auto responses = [](const std::string& text) {
    Options o = options("authorization {users [{user: a, permissions {" + text + "}}]}");
    return o.authorization.users.at(0).permissions.value().allow_responses;
  };
  EXPECT_EQ(responses("allow_responses: true"), (ResponsePermission{1, 2min}));
  EXPECT_EQ(responses("allow_responses: false"), std::nullopt);
  EXPECT_EQ(responses("allow_responses {}"), (ResponsePermission{1, 2min}));
  EXPECT_EQ(responses("allow_responses {max: 5, expires: \"1m\"}"), (ResponsePermission{5, 1min}));
  EXPECT_EQ(responses("publish_allow_responses {max_msgs: -7, ttl: \"-1s\"}"),
            (ResponsePermission{-1, -1s}));
  EXPECT_EQ(responses("allow_responses {max_messages: 0, expiration: \"0s\"}"),
            (ResponsePermission{1, 2min}));
  EXPECT_EQ(responses("allow_responses {max_responses: 9}"), (ResponsePermission{9, 2min}));
}

TEST(LoadOptions, Cluster) {
  expect_change({"cluster {name: c, listen: 127.0.0.1:6222}",
                 "cluster {name: c, host: 127.0.0.1, port: 6222}",
                 "cluster {name: c, net: 127.0.0.1, port: 6222}"},
                [](Options& o) {
                  o.cluster.name = "c";
                  o.cluster.host = "127.0.0.1";
                  o.cluster.port = 6222;
                });
  expect_change(
      {"cluster {routes [ nats-route://u:p%40@h:1, \"nats://[::1]:2/\" ]}"}, [](Options& o) {
        o.cluster.routes = {{"nats-route", "u", "p@", "h", 1}, {"nats", "", "", "::1", 2}};
      });
  expect_change({"cluster {advertise: a:1}", "cluster {cluster_advertise: a:1}"},
                [](Options& o) { o.cluster.advertise = "a:1"; });
  expect_change({"cluster {no_advertise: true, connect_retries: 3, connect_backoff: true}"},
                [](Options& o) {
                  o.cluster.no_advertise = o.cluster.connect_backoff = true;
                  o.cluster.connect_retries = 3;
                });
  expect_change({"cluster {pool_size: 5, accounts: ['$G', \"$SYS\"]}"}, [](Options& o) {
    o.cluster.pool_size = 5;
    o.cluster.pinned_accounts = {"$G", "$SYS"};
  });
  expect_change({"cluster {pool_size: -1}"}, [](Options& o) { o.cluster.pool_size = -1; });
  expect_change({"cluster {ping_interval: 5s, ping_max: 4, write_deadline: 3s}"}, [](Options& o) {
    o.cluster.ping_interval = 5s;
    o.cluster.ping_max = 4;
    o.cluster.write_deadline = 3s;
  });
  expect_change({"cluster {authorization {user: u, password: p, timeout: 5}}"}, [](Options& o) {
    o.cluster.authorization.user = "u";
    o.cluster.authorization.password = "p";
    o.cluster.authorization.timeout = 5s;
  });
  expect_change({"cluster {permissions {import: a, export {allow: b, deny: c}}}",
                 "cluster {authorization {permissions {import: a, export {allow: b, deny: c}}}}",
                 "cluster {authorization {permissions {import: z}}\n"
                 "permissions {import: a, export {allow: b, deny: c}}}"},
                [](Options& o) {
                  o.cluster.permissions = Permissions{{{"a"}, {}}, {{"b"}, {"c"}}, {}};
                });
}

struct Case {
  const char* text;
  const char* expected;
};

TEST(LoadOptions, WrongTypesAndRangesAreNamedWithPlaceAndWish) {
  const Case cases[] = {
      {"port: abc", "a.conf:1:1: \"port\" must be an integer, not a string"},
      {"\n port: \"1\"", "a.conf:2:2: \"port\" must be an integer, not a string"},
      {"port: 65536", "\"port\" value 65536 is out of range, want -1 to 65535"},
      {"port: -2", "out of range"},
      {"host: 127", "\"host\" must be a string; put it in quotes, not an integer"},
      {"debug: 1", "\"debug\" must be true or false, not an integer"},
      {"listen: x", "could not parse address string \"x\""},
      {"listen: \"a:b\"", "could not parse port \"b\""},
      {"listen: 1.5", "\"listen\" must be a port or \"host:port\", not a number with a fraction"},
      {"listen: ::1", "could not parse address string"},
      {"http: 70000", "out of range"},
      {"server_name: \"a b\"", "server name cannot contain spaces"},
      {"client_advertise: \"a:b:c\"", "invalid client_advertise"},
      {"client_advertise: \":1\"", "has no host"},
      {"max_payload: 3GB",
       "\"max_payload\" value 3221225472 is out of range, want 0 to 2147483647"},
      {"max_payload: 99999999999999", "max_payload"},
      {"max_payload: -1", "out of range"},
      {"max_control_line: 3GB", "out of range"},
      {"max_sub_tokens: 256", "out of range, want 1 to 255"},
      {"max_sub_tokens: 0", "out of range"},
      {"ping_interval: xyz", "error parsing ping_interval: invalid duration \"xyz\""},
      {"ping_interval: \"-1s\"", "invalid ping_interval of -1s, minimum is 1ns"},
      {"ping_interval: true", "must be a duration such as \"30s\""},
      {"lame_duck_duration: \"29s\"", "invalid lame_duck_duration of 29s, minimum is 30s"},
      {"lame_duck_grace_period: \"-1s\"", "needs to be positive"},
      {"lame_duck_grace_period: 5", "must be a duration"},
      {"server_tags: 5", "\"server_tags\" must be a string or an array of strings"},
      {"server_tags: [a, 5]", "a.conf:1:18: \"server_tags\" must be a string"},
      {"server_metadata: x", "must be a map"},
      {"server_metadata {a: 1}", "a.conf:1:18: \"a\" must be a string"},
      {"write_timeout: never", "write_timeout must be 'default', 'close' or 'retry'"},
      {"write_timeout: retry", "not supported by this version of natrix-broker"},
      {"natrix_shards: -1", "out of range"},
      {"authorization: x", "\"authorization\" must be a map"},
      {"authorization {user: a, password: b, token: c}", "Cannot have a user/pass and token"},
      {"authorization {user: a, users: []}", "Can not have a single user/pass and a users array"},
      {"authorization {token: a, users: []}", "Can not have a token and a users array"},
      {"authorization {password: a}", "a password needs a user"},
      {"authorization {timeout: -1}", "out of range"},
      {"authorization {timeout: \"-1s\"}", "must not be negative"},
      {"authorization {timeout: []}", "must be a duration"},
      {"authorization {users: 5}", "\"users\" must be an array of users"},
      {"authorization {users: [a]}", "a user must be a map such as {user: …, password: …}"},
      {"authorization {users: [{password: x}]}", "User entry requires a user"},
      {"authorization {users: [{user: a}, {user: a}]}",
       "a.conf:1:35: Duplicate user \"a\" detected"},
      {"authorization {users: [{user: a, permissions: 5}]}", "\"permissions\" must be a map"},
      {"authorization {users: [{user: a, permissions {publish: 5}}]}", "array of strings"},
      {"authorization {users: [{user: a, permissions {publish: \"a b\"}}]}",
       "subject \"a b\" is not a valid subject"},
      {"authorization {users: [{user: a, permissions {publish: a..b}}]}",
       "subject \"a..b\" is not a valid subject"},
      {"authorization {users: [{user: a, permissions {sub: \"a b..c\"}}]}",
       "queue \"b..c\" is not a valid queue"},
      {"authorization {users: [{user: a, permissions {sub: \"a b c\"}}]}", "not a valid queue"},
      {"authorization {users: [{user: a, permissions {pub {permit: x}}}]}",
       "unknown field \"permit\""},
      {"authorization {users: [{user: a, permissions {allow_responses: 5}}]}",
       "must be true, false or a map"},
      {"authorization {users: [{user: a, permissions {allow_responses {expires: 5}}}]}",
       "must be a duration"},
      {"cluster: x", "\"cluster\" must be a map"},
      {"cluster {name: \"a b\"}", "cluster name cannot contain spaces"},
      {"cluster {port: 99999}", "out of range"},
      {"cluster {routes: x}", "\"routes\" must be an array of URLs"},
      {"cluster {routes: [\"h:1\"]}", "error parsing url \"h:1\": it has no scheme"},
      {"cluster {routes: [\"nats://h\"]}", "it has no port, want nats://host:port"},
      {"cluster {routes: [\"nats://u:secret@h\"]}", "\"nats://[REDACTED]@h\""},
      {"cluster {routes: [\"nats://u:%zz@h:1\"]}", "two hexadecimal digits"},
      {"cluster {routes: [\"nats://:1\"]}", "it has no host"},
      {"cluster {advertise: \"a:b\"}", "invalid advertise"},
      {"cluster {authorization {users: []}}", "does not allow multiple users"},
      {"cluster {authorization {token: t}}", "does not support tokens"},
      {"cluster {permissions {allow_responses: true}}", "do not support dynamic responses"},
      {"cluster {permissions {export: \"a b\"}}", "subject \"a b\" is not a valid subject"},
      {"cluster {connect_retries: -1}", "out of range"},
  };
  for (const Case& c : cases) {
    std::string message = error(c.text);
    EXPECT_THAT(message, HasSubstr(c.expected)) << c.text;
    EXPECT_THAT(message, ::testing::StartsWith("a.conf:")) << c.text;
  }
}

TEST(LoadOptions, KeysOfNatsThatAreAbsentAreRefusedByNameWithTheRemedy) {
  const char* blocks[] = {"accounts",
                          "mappings",
                          "maps",
                          "operator",
                          "operators",
                          "root",
                          "roots",
                          "resolver",
                          "account_resolver",
                          "resolver_tls",
                          "trusted",
                          "trusted_keys",
                          "proxies",
                          "gateway",
                          "leafnodes",
                          "leaf",
                          "websocket",
                          "ws",
                          "mqtt",
                          "ocsp",
                          "ocsp_cache",
                          "resolver_preload",
                          "resolver_pinned_accounts",
                          "default_js_domain",
                          "feature_flags",
                          "default_sentinel",
                          "root_operator",
                          "root_operators",
                          "accounts_resolver"};
  for (std::string key : blocks) {
    EXPECT_THAT(
        error("port: 1\n\n" + key + " { x: 1 }"),
        HasSubstr("a.conf:3:1: \"" + key +
                  "\" is not supported by this version of natrix-broker; remove the block"));
  }
  for (std::string line : {"prof_port: 5", "prof_block_rate: 1", "proxy_protocol: true"}) {
    EXPECT_THAT(error(line), HasSubstr("is not supported by this version of natrix-broker; remove "
                                       "the line or set it to "))
        << line;
  }
  const Case nested[] = {
      {"authorization {auth_callout {}}", "\"auth_callout\" is not supported"},
      {"authorization {users: [{user: a, proxy_required: true}]}", "\"proxy_required\" is not"},
      {"cluster {compression: s2_fast}", "\"compression\" is not supported"},
      {"cluster {write_timeout: close}", "\"write_timeout\" is not supported"},
  };
  for (const Case& c : nested) EXPECT_THAT(error(c.text), HasSubstr(c.expected)) << c.text;
}

TEST(LoadOptions, UnknownFieldsAreErrorsUnlessUsedAsVariables) {
  EXPECT_EQ(error("host: a\nfoo: 1"), "a.conf:2:1: unknown field \"foo\"");
  EXPECT_EQ(error("authorization {\n  frob: 1\n}"), "a.conf:2:3: unknown field \"frob\"");
  EXPECT_EQ(error("cluster { Frob: 1 }"), "a.conf:1:11: unknown field \"Frob\"");
  EXPECT_EQ(options("foo: 7\nport: $foo").port, 7);
  EXPECT_EQ(options("cluster { p: 7, port: $p }").cluster.port, 7);
}

TEST(LoadOptions, AllErrorsAreReportedTogether) {
  EXPECT_EQ(error("port: a\nfoo: 1\nmqtt {}\nhost: h"),
            "a.conf:1:1: \"port\" must be an integer, not a string\n"
            "a.conf:2:1: unknown field \"foo\"\n"
            "a.conf:3:1: \"mqtt\" is not supported by this version of natrix-broker; remove the "
            "block");
}

TEST(LoadOptions, Warnings) {
  auto warnings = [](const char* text) {
    Result<Loaded> loaded = load(text);
    return loaded ? loaded->warnings : std::vector<std::string>{loaded.error().message};
  };
  EXPECT_THAT(warnings("port: 1"), IsEmpty());
  EXPECT_THAT(warnings("ping_interval: 5"),
              ElementsAre(HasSubstr("a.conf:1:1: invalid use of field \"ping_interval\": "
                                    "ping_interval should be converted to a duration")));
  EXPECT_THAT(warnings("authorization {timeout: 1m}"),
              ElementsAre(HasSubstr("consider keeping it under 60 seconds")));
  EXPECT_THAT(warnings("max_payload: 9MB"),
              ElementsAre(HasSubstr("Maximum payloads over 8.00 MB")));
  EXPECT_THAT(warnings("cluster {routes: [\"nats://a:1\", \"nats://a:1\"]}"),
              ElementsAre(HasSubstr("Duplicate route entry detected")));
  EXPECT_THAT(warnings("cluster {ping_interval: 5m}"),
              ElementsAre(HasSubstr("should be converted"), HasSubstr("max for routes")));
  EXPECT_THAT(warnings("cluster {authorization {permissions {import: a}}}"),
              ElementsAre(HasSubstr("is deprecated")));
}

TEST(LoadOptions, NkeyUsersHaveAKeyAndNothingElse) {
  const std::string key = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";
  Options loaded = options("authorization {users: [{nkey: " + key +
                           ", permissions: {publish: a}}, {user: bob, password: x}]}");
  ASSERT_EQ(loaded.authorization.users.size(), 2U);
  const User& user = loaded.authorization.users[0];
  EXPECT_TRUE(user.nkey);
  EXPECT_EQ(user.name, key);
  ASSERT_TRUE(user.permissions);
  EXPECT_THAT(user.permissions->publish.allow, ElementsAre("a"));
  EXPECT_FALSE(loaded.authorization.users[1].nkey);

  std::string server_key = "ND4RWNG7RTTH4JADMQY5JEHBRSLYUK22GECTYOAWHPHPDWNAIASDDKRK";
  for (const std::string& wrong : {std::string("U"), server_key, key.substr(0, 55) + "L"}) {
    EXPECT_THAT(error("authorization {users: [{nkey: " + wrong + "}]}"),
                HasSubstr("Not a valid public nkey for a user"));
  }
  for (const std::string more : {"user: a", "password: b", "user: a, password: b"}) {
    EXPECT_THAT(error("authorization {users: [{nkey: " + key + ", " + more + "}]}"),
                HasSubstr("Nkey users do not take usernames or passwords"));
  }
  EXPECT_THAT(error("authorization {users: [{nkey: " + key + "}, {nkey: " + key + "}]}"),
              HasSubstr("Duplicate nkey \"" + key + "\" detected"));
  EXPECT_TRUE(check_options(options("no_auth_user: " + key +
                                    ", authorization {users: [{nkey: " + key + "}]}"))
                  .ok());
}

TEST(LoadOptions, ConnectionTypesOfUsers) {
  auto types = [](const std::string& text) {
    return options("authorization {users: [{user: a, " + text + "}]}")
        .authorization.users[0]
        .connection_types;
  };
  EXPECT_THAT(types("allowed_connection_types: [standard, WebSocket]"),
              ElementsAre("STANDARD", "WEBSOCKET"));
  EXPECT_THAT(types("connection_types: IN_PROCESS"), ElementsAre("IN_PROCESS"));
  EXPECT_THAT(types("clients: [LEAFNODE, LEAFNODE_WS, MQTT, MQTT_WS]"), SizeIs(4));
  EXPECT_THAT(types("password: b"), IsEmpty());
  EXPECT_THAT(error("authorization {users: [{user: a, clients: [STANDARD, PIGEON]}]}"),
              HasSubstr("unknown connection type \"PIGEON\""));
}

TEST(LoadOptions, AFileGivesItsNameAndDigest) {
  FakeWorld world;
  world.files = {{"dir/x.conf", "a: [30s]\nlisten: $a"}, {"y.conf", "port: 7\n"}};
  Result<Loaded> loaded = load_options_file("y.conf", world.surroundings());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->options.config_file, "y.conf");
  EXPECT_EQ(loaded->options.config_digest.size(), 7U + 64U);
  Result<Loaded> wrong = load_options_file("dir/x.conf", world.surroundings());
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("dir/x.conf:2:1: \"listen\" must be"));
  EXPECT_FALSE(load_options_file("none", world.surroundings()));
}

TEST(CheckOptions, NamesWhatDoesNotFitTogether) {
  const Case cases[] = {
      {"", ""},
      {"lame_duck_duration: 30s, lame_duck_grace_period: 30s",
       "lame duck grace period (30s) should be strictly lower than lame duck duration (30s)"},
      {"max_payload: 2000, max_pending: 1000",
       "max_payload (2000) cannot be higher than max_pending (1000)"},
      {"no_auth_user: x", "no_auth_user: \"x\" present, but users are not defined"},
      {"no_auth_user: x, authorization {users: [{user: a}]}", "\"x\" not present as user"},
      {"no_auth_user: a, authorization {users: [{user: a}]}", ""},
      {"system_account: SYS", "system_account \"SYS\" is not defined"},
      {"system_account: '$SYS', no_system_account: true", "exclude each other"},
      {"cluster {port: 1, pool_size: -1, accounts: ['$G']}", "pool_size cannot be negative"},
      {"cluster {port: 1, accounts: ['$G', '$G']}", "duplicate account name \"$G\""},
      {"cluster {port: 1, accounts: [A]}", "cluster accounts: \"A\" is not defined"},
      {"cluster {routes: [\"nats://a:1\"]}",
       "solicited routes require cluster capabilities, e.g. --cluster"},
      {"cluster {port: -1, routes: [\"nats://a:1\"]}", ""},
  };
  for (const Case& c : cases) {
    const std::string text = c.text;
    Result<void> fits = check_options(options(text));
    EXPECT_EQ(fits.ok(), std::string(c.expected).empty()) << text;
    if (!fits) {
      EXPECT_THAT(fits.error().message, HasSubstr(c.expected)) << text;
    }
  }
}

}  // namespace
}  // namespace natrix::config
