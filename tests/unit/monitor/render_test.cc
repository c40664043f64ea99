// Golden field lists: names, order and rules of omission are those that nats-server 2.15 shows
// (taken from its output and from the tags in its server/monitor.go).
#include "broker/monitor/render.h"

#include <gtest/gtest.h>

#include "tests/unit/monitor/fake_source.h"

namespace natrix::monitor {
namespace {

using Keys = std::vector<std::string>;

Keys keys(const Json& object) {
  Keys names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

const Time kNow = at_seconds(1'700'093'784);  // a day, two hours, three minutes, four seconds later

Json varz(const ServerInfo& info) {
  ProcessFacts process;
  process.resident_bytes = 1234;
  process.cores = 8;
  process.cpu_percent = 12.5;
  return render_varz(info, process, {{"/varz", 3}, {"/", 1}}, kNow);
}

TEST(RenderVarz, FieldsOfAFullServer) {
  Json page = varz(sample_server());
  EXPECT_EQ(keys(page), (Keys{"server_id",
                              "server_name",
                              "version",
                              "proto",
                              "git_commit",
                              "go",
                              "impl",
                              "impl_version",
                              "host",
                              "port",
                              "auth_required",
                              "connect_urls",
                              "max_connections",
                              "max_subscriptions",
                              "ping_interval",
                              "ping_max",
                              "http_host",
                              "http_port",
                              "http_base_path",
                              "https_port",
                              "auth_timeout",
                              "max_control_line",
                              "max_payload",
                              "max_pending",
                              "cluster",
                              "gateway",
                              "leaf",
                              "mqtt",
                              "websocket",
                              "jetstream",
                              "tls_timeout",
                              "write_deadline",
                              "start",
                              "now",
                              "uptime",
                              "mem",
                              "cores",
                              "gomaxprocs",
                              "cpu",
                              "connections",
                              "total_connections",
                              "routes",
                              "remotes",
                              "leafnodes",
                              "in_msgs",
                              "in_bytes",
                              "in_client_msgs",
                              "in_client_bytes",
                              "out_msgs",
                              "out_bytes",
                              "out_client_msgs",
                              "out_client_bytes",
                              "slow_consumers",
                              "stale_connections",
                              "stalled_clients",
                              "subscriptions",
                              "http_req_stats",
                              "config_load_time",
                              "config_digest",
                              "tags",
                              "metadata",
                              "system_account",
                              "slow_consumer_stats",
                              "stale_connection_stats",
                              "disk_io_wait_stats"}));
  EXPECT_EQ(keys(page["cluster"]), (Keys{"name", "addr", "cluster_port", "auth_timeout", "urls",
                                         "tls_timeout", "pool_size", "write_deadline"}));
  EXPECT_EQ(keys(page["slow_consumer_stats"]), (Keys{"clients", "routes", "gateways", "leafs"}));
  EXPECT_EQ(keys(page["stale_connection_stats"]), (Keys{"clients", "routes", "gateways", "leafs"}));
  EXPECT_EQ(keys(page["disk_io_wait_stats"]),
            (Keys{"waiters", "waits", "wait_time", "max_wait_time"}));
  EXPECT_EQ(keys(page["http_req_stats"]), (Keys{"/", "/varz"}));
}

TEST(RenderVarz, WhatABareServerLeavesOut) {
  Json page = varz(ServerInfo{});
  for (const char* absent : {"git_commit", "auth_required", "connect_urls", "max_subscriptions",
                             "tags", "metadata", "system_account", "write_timeout"}) {
    EXPECT_FALSE(page.contains(absent)) << absent;
  }
  for (const char* empty : {"cluster", "gateway", "leaf", "mqtt", "websocket", "jetstream"}) {
    EXPECT_EQ(page[empty].dump(), "{}") << empty;
  }
  EXPECT_EQ(page["config_digest"], "");
  EXPECT_FALSE(page.contains("natrix_reload_interval"));
}

TEST(RenderVarz, TlsOfClientsAndRoutes) {
  ServerInfo info = sample_server();
  info.tls_required = info.tls_verify = true;
  info.tls_certificate = {"CN=a", "0af1", {}, at_seconds(1'700'000'000)};
  info.cluster.tls_required = info.cluster.tls_verify = true;
  info.cluster.tls_certificate = {"CN=b", "0b", {}, at_seconds(1'700'000'001)};
  Json page = varz(info);
  EXPECT_EQ(page["tls_required"], true);
  EXPECT_EQ(page["tls_verify"], true);
  EXPECT_EQ(page["tls_cert_not_after"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(page["tls_cert_serial"], "0af1");
  EXPECT_EQ(
      keys(page["cluster"]),
      (Keys{"name", "addr", "cluster_port", "auth_timeout", "urls", "tls_timeout", "tls_required",
            "tls_verify", "pool_size", "write_deadline", "tls_cert_not_after", "tls_cert_serial"}));
}

TEST(RenderConnz, TlsOfAConnection) {
  ConnectionPage page;
  page.connections.resize(2);
  page.connections[0].tls_version = "1.3";
  page.connections[0].tls_cipher_suite = "TLS_AES_128_GCM_SHA256";
  page.connections[0].tls_first = true;
  page.connections[0].tls_peer_certs = {{"CN=a", "01", "02"}};
  Json shown = render_connz(page, ListSubs::kNo, true)["connections"];
  EXPECT_EQ(shown[0]["tls_version"], "1.3");
  EXPECT_EQ(shown[0]["tls_cipher_suite"], "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(shown[0]["tls_first"], true);
  EXPECT_EQ(shown[0]["tls_peer_certs"].dump(),
            R"([{"subject":"CN=a","spki_sha256":"01","cert_sha256":"02"}])");
  for (const char* absent : {"tls_version", "tls_cipher_suite", "tls_first", "tls_peer_certs"}) {
    EXPECT_FALSE(shown[1].contains(absent)) << absent;
  }
  EXPECT_FALSE(
      render_connz(page, ListSubs::kNo, false)["connections"][0].contains("tls_peer_certs"));
}

TEST(RenderVarz, Values) {
  Json page = varz(sample_server());
  EXPECT_EQ(page["ping_interval"], 120'000'000'000);
  EXPECT_EQ(page["write_deadline"], 10'000'000'000);
  EXPECT_EQ(page["auth_timeout"].dump(), "2");
  EXPECT_EQ(page["cluster"]["auth_timeout"].dump(), "2.5");
  EXPECT_EQ(page["start"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(page["uptime"], "1d2h3m4s");
  EXPECT_EQ(page["mem"], 1234);
  EXPECT_EQ(page["cores"], 8);
  EXPECT_EQ(page["gomaxprocs"], 2);
  EXPECT_EQ(page["cpu"].dump(), "12.5");
  EXPECT_EQ(page["in_msgs"], 11);
  EXPECT_EQ(page["out_msgs"], 12);
  EXPECT_EQ(page["in_bytes"], 13);
  EXPECT_EQ(page["out_bytes"], 14);
  EXPECT_EQ(page["in_client_msgs"], 21);
  EXPECT_EQ(page["out_client_bytes"], 24);
  EXPECT_EQ(page["http_req_stats"]["/varz"], 3);
  EXPECT_EQ(page["slow_consumer_stats"]["clients"], 5);
}

Json connz(ConnectionInfo info, ListSubs subs, bool auth) {
  ConnectionPage page;
  page.now = kNow;
  page.connections.push_back(std::move(info));
  return render_connz(page, subs, auth)["connections"][0];
}

const Keys kAlways{"cid",     "kind",          "type",     "ip",        "port",
                   "start",   "last_activity", "uptime",   "idle",      "pending_bytes",
                   "in_msgs", "out_msgs",      "in_bytes", "out_bytes", "subscriptions"};

TEST(RenderConnz, FieldsOfAConnection) {
  EXPECT_EQ(keys(connz(sample_connection(1), ListSubs::kDetail, false)), kAlways);
  EXPECT_EQ(keys(connz(full_connection(1), ListSubs::kSubjects, true)), (Keys{"cid",
                                                                              "kind",
                                                                              "type",
                                                                              "ip",
                                                                              "port",
                                                                              "start",
                                                                              "last_activity",
                                                                              "stop",
                                                                              "reason",
                                                                              "rtt",
                                                                              "uptime",
                                                                              "idle",
                                                                              "pending_bytes",
                                                                              "in_msgs",
                                                                              "out_msgs",
                                                                              "in_bytes",
                                                                              "out_bytes",
                                                                              "stalls",
                                                                              "subscriptions",
                                                                              "name",
                                                                              "lang",
                                                                              "version",
                                                                              "authorized_user",
                                                                              "account",
                                                                              "subscriptions_list",
                                                                              "name_tag",
                                                                              "mqtt_client"}));
  Json detail = connz(full_connection(1), ListSubs::kDetail, false);
  EXPECT_FALSE(detail.contains("authorized_user"));
  EXPECT_FALSE(detail.contains("account"));
  EXPECT_FALSE(detail.contains("name_tag"));
  EXPECT_FALSE(detail.contains("subscriptions_list"));
  EXPECT_EQ(keys(detail["subscriptions_list_detail"][0]),
            (Keys{"account", "account_tag", "subject", "qgroup", "sid", "msgs", "max", "cid"}));
  EXPECT_FALSE(
      connz(full_connection(1), ListSubs::kNo, true).contains("subscriptions_list_detail"));
}

TEST(RenderConnz, TheGlobalAccountIsNotNamed) {
  Json info = connz(sample_connection(1), ListSubs::kNo, true);
  EXPECT_FALSE(info.contains("account"));
  EXPECT_EQ(info["name_tag"], "$G");
}

TEST(RenderConnz, SubscriptionsOfOpenConnectionsHaveNoAccount) {
  ConnectionInfo open = full_connection(1);
  open.stop.reset();
  open.subscription_list[0].queue.clear();
  open.subscription_list[0].max = 0;
  Json list = connz(open, ListSubs::kDetail, false)["subscriptions_list_detail"];
  EXPECT_EQ(keys(list[0]), (Keys{"subject", "sid", "msgs", "cid"}));
}

TEST(RenderConnz, Values) {
  Json info = connz(full_connection(3), ListSubs::kSubjects, true);
  EXPECT_EQ(info["rtt"], "216µs");
  EXPECT_EQ(info["stop"], "2023-11-16T00:16:24Z");
  EXPECT_EQ(info["uptime"], "1d2h3m4s");
  EXPECT_EQ(info["idle"], "1d2h1m24s");
  EXPECT_EQ(info["in_msgs"], 1);
  EXPECT_EQ(info["out_msgs"], 2);
  EXPECT_EQ(info["in_bytes"], 3);
  EXPECT_EQ(info["out_bytes"], 4);
  EXPECT_EQ(info["subscriptions_list"].dump(), "[\"foo.>\"]");
}

TEST(RenderConnz, ThePageItself) {
  ConnectionPage page;
  page.server_id = "NABC";
  page.now = kNow;
  page.total = 7;
  page.offset = 5;
  page.limit = 2;
  EXPECT_EQ(json_text(render_connz(page, ListSubs::kNo, false), true),
            "{\n  \"server_id\": \"NABC\",\n  \"now\": \"2023-11-16T00:16:24Z\",\n"
            "  \"num_connections\": 0,\n  \"total\": 7,\n  \"offset\": 5,\n  \"limit\": 2,\n"
            "  \"connections\": []\n}");
}

TEST(RenderRoutez, Fields) {
  RoutePage page;
  page.now = kNow;
  page.routes.push_back(sample_route());
  Json out = render_routez(page, ListSubs::kDetail);
  EXPECT_EQ(keys(out), (Keys{"server_id", "server_name", "now", "num_routes", "routes"}));
  const Keys always{"rid",       "remote_id",    "remote_name", "did_solicit",   "is_configured",
                    "ip",        "port",         "start",       "last_activity", "uptime",
                    "idle",      "pending_size", "in_msgs",     "out_msgs",      "in_bytes",
                    "out_bytes", "subscriptions"};
  EXPECT_EQ(keys(out["routes"][0]), always);

  RouteInfo& route = page.routes[0];
  route.rtt = std::chrono::milliseconds(2);
  route.import_rules = SubjectRules{{"a"}, {"b"}};
  route.export_rules = SubjectRules{{}, {"c"}};
  route.account = "A";
  route.compression = "off";
  route.subscription_list = {{.account = "A", .subject = "s", .sid = "x"}};
  page.import_rules = SubjectRules{};
  page.export_rules = SubjectRules{{"d"}, {}};
  out = render_routez(page, ListSubs::kDetail);
  EXPECT_EQ(keys(out),
            (Keys{"server_id", "server_name", "now", "import", "export", "num_routes", "routes"}));
  EXPECT_EQ(out["import"].dump(), "{}");
  EXPECT_EQ(out["export"].dump(), R"({"allow":["d"]})");
  const Json& full = out["routes"][0];
  EXPECT_EQ(keys(full), (Keys{"rid",         "remote_id",     "remote_name",
                              "did_solicit", "is_configured", "ip",
                              "port",        "start",         "last_activity",
                              "rtt",         "uptime",        "idle",
                              "import",      "export",        "pending_size",
                              "in_msgs",     "out_msgs",      "in_bytes",
                              "out_bytes",   "subscriptions", "subscriptions_list_detail",
                              "account",     "compression"}));
  EXPECT_EQ(full["rtt"], "2ms");
  EXPECT_EQ(full["import"].dump(), R"({"allow":["a"],"deny":["b"]})");
  EXPECT_EQ(keys(full["subscriptions_list_detail"][0]), (Keys{"subject", "sid", "msgs", "cid"}));
  EXPECT_EQ(render_routez(page, ListSubs::kSubjects)["routes"][0]["subscriptions_list"].dump(),
            R"(["s"])");
}

TEST(RenderRoutez, InAStableOrder) {
  RoutePage page;
  for (int pool : {2, 0, 1}) {
    page.routes.push_back(sample_route());
    page.routes.back().pool_index = pool;
    page.routes.back().rid = static_cast<uint64_t>(pool) + 10;
  }
  page.routes.push_back(sample_route());
  page.routes.back().remote_name = "alpha";
  Json out = render_routez(page, ListSubs::kNo);
  EXPECT_EQ(out["num_routes"], 4);
  EXPECT_EQ(out["routes"][0]["remote_name"], "alpha");
  for (int i = 1; i < 4; ++i) EXPECT_EQ(out["routes"][i]["rid"], 9 + i);
}

TEST(RenderSubsz, Fields) {
  SubscriptionPage page;
  page.now = kNow;
  page.cache_hit_rate = 1.0 / 6;
  page.avg_fanout = 2;
  const Keys bare{"server_id",
                  "now",
                  "num_subscriptions",
                  "num_cache",
                  "num_inserts",
                  "num_removes",
                  "num_matches",
                  "cache_hit_rate",
                  "max_fanout",
                  "avg_fanout",
                  "total",
                  "offset",
                  "limit"};
  Json out = render_subsz(page, true);
  EXPECT_EQ(keys(out), bare);
  EXPECT_EQ(out["cache_hit_rate"].dump(), "0.16666666666666666");
  EXPECT_EQ(out["avg_fanout"].dump(), "2");
  page.list = {{.account = "$G", .subject = "a", .sid = "1", .cid = 4}};
  EXPECT_EQ(keys(render_subsz(page, false)), bare);
  out = render_subsz(page, true);
  EXPECT_EQ(keys(out).back(), "subscriptions_list");
  EXPECT_EQ(out["subscriptions_list"].dump(),
            R"([{"account":"$G","account_tag":"$G","subject":"a","sid":"1","msgs":0,"cid":4}])");
}

AccountPage accounts() {
  AccountPage page;
  page.server_id = "NABC";
  page.system_account = "$SYS";
  page.now = kNow;
  page.accounts.resize(2);
  page.accounts[0].name = "$G";
  page.accounts[0].client_connections = 2;
  page.accounts[0].leafnodes = 1;
  page.accounts[0].traffic = {1, 2, 3, 4};
  page.accounts[0].route_traffic = {5, 6, 7, 8};
  page.accounts[1].name = "$SYS";
  page.accounts[1].is_system = true;
  return page;
}

TEST(RenderAccounts, TheList) {
  Json out = render_accountz(accounts());
  EXPECT_EQ(keys(out), (Keys{"server_id", "now", "system_account", "accounts"}));
  EXPECT_EQ(out["accounts"].dump(), R"(["$G","$SYS"])");
}

TEST(RenderAccounts, OneOfThem) {
  Json out = *render_account_detail(accounts(), "$SYS");
  EXPECT_EQ(keys(out), (Keys{"server_id", "now", "system_account", "account_detail"}));
  EXPECT_EQ(keys(out["account_detail"]),
            (Keys{"account_name", "update_time", "is_system", "expired", "complete",
                  "jetstream_enabled", "leafnode_connections", "client_connections",
                  "subscriptions", "name_tag", "sublist_stats"}));
  EXPECT_FALSE((*render_account_detail(accounts(), "$G"))["account_detail"].contains("is_system"));
  EXPECT_EQ(render_account_detail(accounts(), "zz")
                .error()
                .message.rfind("Account \"zz\" does not exist", 0),
            0u);
}

TEST(RenderAccounts, Statistics) {
  Json out = render_accstatz(accounts(), true);
  EXPECT_EQ(keys(out), (Keys{"server_id", "now", "account_statz"}));
  EXPECT_EQ(out["account_statz"].size(), 2u);
  EXPECT_EQ(render_accstatz(accounts(), false)["account_statz"].size(), 1u);
  EXPECT_EQ(out["account_statz"][0].dump(),
            R"({"acc":"$G","name":"$G","conns":2,"leafnodes":1,"total_conns":3,)"
            R"("num_subscriptions":0,"sent":{"msgs":2,"bytes":4,"gateways":{"msgs":0,"bytes":0},)"
            R"("routes":{"msgs":6,"bytes":8},"leafs":{"msgs":0,"bytes":0}},)"
            R"("received":{"msgs":1,"bytes":3,"gateways":{"msgs":0,"bytes":0},)"
            R"("routes":{"msgs":5,"bytes":7},"leafs":{"msgs":0,"bytes":0}},"slow_consumers":0})");
}

TEST(RenderAbsent, PagesOfWhatIsNotThere) {
  ServerInfo info;
  info.server_id = "NABC";
  EXPECT_EQ(json_text(render_gatewayz(info, kNow), false),
            R"({"server_id":"NABC","now":"2023-11-16T00:16:24Z",)"
            R"("outbound_gateways":{},"inbound_gateways":{}})");
  EXPECT_EQ(json_text(render_leafz(info, kNow), false),
            R"({"server_id":"NABC","now":"2023-11-16T00:16:24Z","leafnodes":0,"leafs":[]})");
  EXPECT_EQ(json_text(render_jsz(info, {}, {}, kNow), false),
            R"({"memory":0,"storage":0,"reserved_memory":0,"reserved_storage":0,"accounts":0,)"
            R"("ha_assets":0,"api":{"level":0,"total":0,"errors":0},"server_id":"NABC",)"
            R"("now":"2023-11-16T00:16:24Z","disabled":true,)"
            R"("config":{"max_memory":0,"max_storage":0},"streams":0,"consumers":0,"messages":0,)"
            R"("bytes":0,"total":0})");
}

TEST(RenderJetStream, PageAndPartOfVarz) {
  ServerInfo info;
  info.server_id = "NABC";
  info.jetstream.emplace();
  JetStreamInfo& jetstream = *info.jetstream;
  jetstream.store_dir = "/data/jetstream";
  jetstream.domain = "hub";
  jetstream.max_memory = 1;
  jetstream.max_storage = 2;
  jetstream.memory = 3;
  jetstream.storage = 4;
  jetstream.reserved_memory = 5;
  jetstream.reserved_storage = 6;
  jetstream.accounts = 7;
  jetstream.streams = 8;
  jetstream.consumers = 9;
  jetstream.messages = 10;
  jetstream.bytes = 11;
  jetstream.api_level = 1;
  jetstream.api_total = 12;
  jetstream.api_errors = 13;
  EXPECT_EQ(varz(info)["jetstream"].dump(),
            R"({"config":{"max_memory":1,"max_storage":2,"store_dir":"/data/jetstream",)"
            R"("sync_always":true,"domain":"hub","strict":true},)"
            R"("stats":{"memory":3,"storage":4,"reserved_memory":5,"reserved_storage":6,)"
            R"("accounts":7,"ha_assets":0,"api":{"level":1,"total":12,"errors":13}}})");
  jetstream.sync_interval = std::chrono::seconds(2);
  jetstream.domain.clear();
  jetstream.strict = false;
  EXPECT_EQ(json_text(render_jsz(info, {}, {}, kNow), false),
            R"({"memory":3,"storage":4,"reserved_memory":5,"reserved_storage":6,"accounts":7,)"
            R"("ha_assets":0,"api":{"level":1,"total":12,"errors":13},"server_id":"NABC",)"
            R"("now":"2023-11-16T00:16:24Z","config":{"max_memory":1,"max_storage":2,)"
            R"("store_dir":"/data/jetstream","sync_interval":2000000000},"streams":8,)"
            R"("consumers":9,"messages":10,"bytes":11,"total":7})");
}

JetStreamPage page_with_a_stream() {
  JetStreamStream stream;
  stream.info = R"({"config":{"name":"S","max_age":1},"created":"c","state":{"messages":2},)"
                R"("mirror":{"name":"M"},"ts":"t"})";
  stream.consumers = {R"({"name":"C","config":{"durable_name":"C"},"num_pending":3})"};
  stream.direct_consumers = {R"({"name":"D","config":{"direct":true}})"};
  JetStreamPage page;
  for (const char* name : {"A", "B", "C"}) page.accounts.emplace_back().name = name;
  page.accounts[1].memory = 5;
  page.accounts[1].api_total = 6;
  page.accounts[1].streams.push_back(stream);
  return page;
}

TEST(RenderJetStream, DetailsOfAccounts) {
  ServerInfo info;
  info.jetstream.emplace();
  JszView view{.details = true, .offset = 1, .limit = 1};
  Json page = render_jsz(info, page_with_a_stream(), view, kNow);
  ASSERT_EQ(page["account_details"].size(), 1u) << "offset and limit count accounts";
  EXPECT_EQ(page["account_details"][0].dump(),
            R"({"name":"B","id":"B","memory":5,"storage":0,"reserved_memory":0,)"
            R"("reserved_storage":0,"accounts":0,"ha_assets":0,)"
            R"("api":{"level":0,"total":6,"errors":0},"stream_detail":[{"name":"S","created":"c",)"
            R"("state":{"messages":2},"consumer_detail":[{"name":"C","num_pending":3}],)"
            R"("mirror":{"name":"M"}}]})");
  view.config = true;
  view.direct_consumers = true;
  Json stream =
      render_jsz(info, page_with_a_stream(), view, kNow)["account_details"][0]["stream_detail"][0];
  EXPECT_EQ(stream["config"]["max_age"], 1);
  EXPECT_EQ(stream["consumer_detail"][0]["config"]["durable_name"], "C");
  EXPECT_EQ(stream["direct_consumer_detail"][0]["name"], "D");
  view.offset = 9;
  EXPECT_FALSE(render_jsz(info, page_with_a_stream(), view, kNow).contains("account_details"));
}

std::string text(const HealthAnswer& answer) {
  return std::to_string(answer.status) + json_text(answer.body, false);
}

TEST(RenderHealthz, Answers) {
  EXPECT_EQ(text(render_healthz({}, false)), R"(200{"status":"ok"})");
  EXPECT_EQ(text(render_healthz({}, true)), R"(200{"status":"ok"})");
  Health not_up{{{.type = "CONNECTION", .error = "route"}, {.type = "JETSTREAM", .error = "x"}}};
  EXPECT_EQ(text(render_healthz(not_up, false)), R"(500{"status":"error","error":"route"})");
  EXPECT_EQ(text(render_healthz(not_up, true)),
            R"(500{"status":"error","errors":[{"type":"CONNECTION","error":"route"},)"
            R"({"type":"JETSTREAM","error":"x"}]})");
  EXPECT_EQ(text(render_healthz({{{.type = "JETSTREAM", .error = "x"}}}, false)),
            R"(503{"status":"unavailable","error":"x"})");
  Health absent{{{.type = "STREAM", .error = "x", .absent = true, .account = "A", .stream = "S"}}};
  EXPECT_EQ(text(render_healthz(absent, false)), R"(404{"status":"unavailable","error":"x"})");
  EXPECT_EQ(text(render_healthz(absent, true)),
            R"(404{"status":"error","errors":[{"type":"STREAM","error":"x","account":"A",)"
            R"("stream":"S"}]})");
  EXPECT_EQ(text(render_healthz_bad_request("b", false)), R"(400{"status":"error","error":"b"})");
  EXPECT_EQ(text(render_healthz_bad_request("b", true)),
            R"(400{"status":"error","errors":[{"type":"BAD_REQUEST","error":"b"}]})");
}

TEST(JsonText, AnyBytesYieldValidJson) {
  Json document{{"name", "a<b>&\xff\xfe\x01\"\\"}};
  std::string out = json_text(document, false);
  EXPECT_EQ(out, "{\"name\":\"a\\u003cb\\u003e\\u0026\xef\xbf\xbd\xef\xbf\xbd\\u0001\\\"\\\\\"}");
  EXPECT_TRUE(Json::accept(out));
  EXPECT_EQ(json_text(Json{{"a", "plain"}}, false), R"({"a":"plain"})");
}

}  // namespace
}  // namespace natrix::monitor
