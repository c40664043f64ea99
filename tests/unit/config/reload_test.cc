#include "broker/config/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/config/load.h"
#include "broker/config/parser.h"
#include "tests/unit/config/parse_helpers.h"

namespace natrix::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Options options(std::string_view text) {
  Result<Value> root = parse_config(text, "a.conf", FakeWorld{}.surroundings());
  EXPECT_TRUE(root) << text;
  Result<Loaded> loaded = load_options(*root);
  EXPECT_TRUE(loaded) << text;
  return loaded->options;
}

Result<ReloadPlan> plan(std::string_view before, std::string_view after) {
  return reload_plan(options(before), options(after));
}

TEST(ReloadPlan, NothingChangesNothing) {
  Result<ReloadPlan> same = plan("port: -1, max_payload: 5", "port: -1, max_payload: 5");
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->empty());
  // The file itself may have another digest, for instance by a comment.
  Options a, b;
  b.config_digest = "sha256:other";
  EXPECT_TRUE(reload_plan(a, b)->empty());
}

TEST(ReloadPlan, FieldsThatCannotChangeAreNamedWithBothValues) {
  struct Case {
    const char* before;
    const char* after;
    const char* field;
  };
  const Case cases[] = {
      {"port: 1", "port: 2", "port: old=1, new=2"},
      {"port: -1", "port: 4222", "port: old=-1, new=4222"},
      {"host: a", "host: b", "host: old=a, new=b"},
      {"server_name: a", "server_name: b", "server_name: old=a, new=b"},
      {"http: 1", "http: 2", "http_port: old=1, new=2"},
      {"", "http: \"h:1\"", "http host: old=, new=h"},
      {"", "http_base_path: x", "http_base_path: old=/, new=/x"},
      {"", "disable_sublist_cache: true", "disable_sublist_cache: old=false, new=true"},
      {"", "no_header_support: true", "no_header_support: old=false, new=true"},
      {"", "system_account: \"$SYS\"", "system_account: old=, new=$SYS"},
      {"", "no_system_account: true", "no_system_account"},
      {"", "natrix_shards: 3", "natrix_shards: old=0, new=3"},
      {"", "cluster {name: c}", "cluster name: old=, new=c"},
      {"", "cluster {host: c}", "cluster host: old=0.0.0.0, new=c"},
      {"cluster {port: 1}", "cluster {port: 2}", "cluster port: old=1, new=2"},
      {"", "cluster {pool_size: 1}", "cluster pool_size: old=3, new=1"},
      {"", "cluster {accounts: ['$G']}", "cluster accounts: old=[], new=[$G]"},
  };
  for (const Case& c : cases) {
    // A field that may change must not be applied half: the refusal wins.
    Result<ReloadPlan> refused = plan(c.before, std::string(c.after) + "\nmax_payload: 77");
    ASSERT_FALSE(refused) << c.after;
    EXPECT_THAT(refused.error().message,
                HasSubstr(std::string("config reload not supported for ") + c.field));
  }
}

TEST(ReloadPlan, LiveFieldsAreListed) {
  struct Case {
    const char* after;
    const char* change;
  };
  const Case cases[] = {
      {"debug: true", "debug: old=false, new=true"},
      {"trace: true", "trace: old=false, new=true"},
      {"logtime: false", "logtime: old=true, new=false"},
      {"logtime_utc: true", "logtime_utc"},
      {"log_file: f", "log_file: old=, new=f"},
      {"log_size_limit: 5", "log_size_limit: old=0, new=5"},
      {"log_max_num: 5", "log_max_num"},
      {"syslog: true", "syslog"},
      {"remote_syslog: x", "remote_syslog"},
      {"trace_verbose: true", "trace_verbose"},
      {"trace_headers: true", "trace_headers"},
      {"max_traced_msg_len: 5", "max_traced_msg_len"},
      {"pid_file: f", "pid_file"},
      {"ports_file_dir: f", "ports_file_dir"},
      {"client_advertise: h", "client_advertise: old=, new=h"},
      {"max_payload: 5", "max_payload: old=1048576, new=5"},
      {"server_tags: [a, b]", "server_tags: old=[], new=[a b]"},
      {"server_metadata {k: v}", "server_metadata: old=[], new=[k:v]"},
      {"max_control_line: 5", "max_control_line"},
      {"max_pending: 5", "max_pending"},
      {"max_connections: 5", "max_connections: old=65536, new=5"},
      {"max_subs: 5", "max_subscriptions"},
      {"max_sub_tokens: 5", "max_sub_tokens"},
      {"max_closed_clients: 5", "max_closed_clients"},
      {"ping_interval: \"5s\"", "ping_interval: old=2m0s, new=5s"},
      {"ping_max: 5", "ping_max"},
      {"write_deadline: \"5s\"", "write_deadline"},
      {"lame_duck_duration: \"5m\"", "lame_duck_duration"},
      {"lame_duck_grace_period: \"5s\"", "lame_duck_grace_period"},
      {"no_fast_producer_stall: true", "no_fast_producer_stall"},
      {"connect_error_reports: 5", "connect_error_reports"},
      {"reconnect_error_reports: 5", "reconnect_error_reports"},
      {"authorization {user: u, password: secret}",
       "authorization: old=[REDACTED], new=[REDACTED]"},
      {"no_auth_user: u", "no_auth_user"},
      {"cluster {advertise: h}", "cluster advertise"},
      {"cluster {no_advertise: true}", "cluster no_advertise"},
      {"cluster {connect_retries: 5}", "cluster connect_retries"},
      {"cluster {connect_backoff: true}", "cluster connect_backoff"},
      {"cluster {authorization {user: u, password: secret}}", "cluster authorization"},
      {"cluster {permissions {import: a, export {deny: b}}}",
       "cluster permissions: old=none, new=import allow [a] deny [] export allow [] deny [b]"},
      {"cluster {ping_interval: \"5s\"}", "cluster ping_interval"},
      {"cluster {ping_max: 5}", "cluster ping_max"},
      {"cluster {write_deadline: \"5s\"}", "cluster write_deadline"},
      {"cluster {routes: [\"nats://u:secret@h:1\"]}",
       "cluster routes: old=[], new=[nats://u:xxxxx@h:1]"},
  };
  for (const Case& c : cases) {
    Result<ReloadPlan> changes = plan("", c.after);
    ASSERT_TRUE(changes) << c.after << ": " << changes.error().message;
    ASSERT_FALSE(changes->empty()) << c.after;
    std::string all = fmt::format("{}", fmt::join(changes->changes, "\n"));
    EXPECT_THAT(all, HasSubstr(c.change));
    EXPECT_EQ(all.find("secret"), std::string::npos);
  }
}

TEST(ReloadPlan, TellsWhatTheChangesConcern) {
  EXPECT_TRUE(plan("", "debug: true")->log);
  EXPECT_TRUE(plan("", "pid_file: x")->pid_file);
  EXPECT_TRUE(plan("", "ports_file_dir: x")->ports_file);
  EXPECT_TRUE(plan("", "authorization {token: x}")->authorization);
  EXPECT_TRUE(plan("", "max_payload: 5")->client_info);
  Result<ReloadPlan> none = plan("", "ping_max: 5");
  EXPECT_FALSE(none->log || none->pid_file || none->ports_file || none->authorization ||
               none->client_info);
}

TEST(ReloadPlan, RoutesAreComparedAsASet) {
  Result<ReloadPlan> routes = plan("cluster {routes [nats://a:1, nats://b:2]}",
                                   "cluster {routes [nats://b:2, nats://c:3]}");
  ASSERT_TRUE(routes);
  EXPECT_THAT(routes->routes_added, ElementsAre(Url{"nats", "", "", "c", 3}));
  EXPECT_THAT(routes->routes_removed, ElementsAre(Url{"nats", "", "", "a", 1}));
}

}  // namespace
}  // namespace natrix::config
