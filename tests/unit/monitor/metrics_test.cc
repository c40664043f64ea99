// /metrics: the official exporter's names and labels, a bounded number of series, and what
// Prometheus' own checker says of the text.
#include "broker/monitor/metrics.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>

#include "tests/unit/monitor/fake_source.h"

namespace natrix::monitor {
namespace {

Scrape sample_scrape() {
  Scrape scrape;
  scrape.now = at_seconds(1'700'000'100);
  scrape.server = sample_server();
  scrape.connections.total = 3;
  scrape.connections.limit = 1024;
  scrape.connections.sums = {.pending_bytes = 9, .subscriptions = 8, .traffic = {1, 2, 3, 4}};
  scrape.routes.server_id = "NABC";
  scrape.routes.server_name = "alpha";
  scrape.routes.routes.resize(2);
  scrape.subscriptions.server_id = "NABC";
  scrape.subscriptions.num_subscriptions = 6;
  scrape.subscriptions.cache_hit_rate = 0.25;
  scrape.accounts.accounts.resize(2);
  scrape.accounts.accounts[0].name = "$G";
  scrape.accounts.accounts[0].client_connections = 3;
  scrape.accounts.accounts[1].name = "$SYS";
  scrape.process = ProcessSampler().facts();
  scrape.requests = {{"/", 1}, {"/varz", 2}, {"/metrics", 3}};
  scrape.http.refused = 4;
  return scrape;
}

// Sample lines, "name{labels}" to value.
std::map<std::string, double> samples(const std::string& text) {
  std::map<std::string, double> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    size_t space = line.rfind(' ');
    EXPECT_TRUE(found.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second)
        << "twice: " << line;
  }
  return found;
}

std::set<std::string> names(const std::string& text) {
  std::set<std::string> found;
  for (const auto& [series, value] : samples(text))
    found.insert(series.substr(0, series.find('{')));
  return found;
}

TEST(Metrics, CertificatesInUseByListenerAndSerial) {
  Scrape scrape = sample_scrape();
  for (const auto& [series, value] : samples(metrics_text(scrape))) {
    EXPECT_EQ(series.find("natrix_tls"), series.npos) << series;
  }
  tls::CertificateFacts facts{"CN=a", "0af1", at_seconds(1'700'000'000), at_seconds(1'800'000'000)};
  scrape.server.tls_certificate = facts;
  facts.serial = "0b";
  scrape.server.cluster.tls_certificate = facts;
  auto found = samples(metrics_text(scrape));
  EXPECT_EQ(
      found.at("natrix_tls_certificate_not_after_seconds{listener=\"client\",serial=\"0af1\"}"),
      1'800'000'000);
  EXPECT_EQ(
      found.at("natrix_tls_certificate_not_before_seconds{listener=\"cluster\",serial=\"0b\"}"),
      1'700'000'000);
  EXPECT_EQ(
      found.count("natrix_tls_certificate_not_after_seconds{listener=\"monitor\",serial=\"0af1\"}"),
      0U);
  scrape.server.https_port = 8443;
  EXPECT_EQ(
      samples(metrics_text(scrape))
          .count("natrix_tls_certificate_not_after_seconds{listener=\"monitor\",serial=\"0af1\"}"),
      1U);
}

TEST(Metrics, TheExportersNames) {
  std::set<std::string> found = names(metrics_text(sample_scrape()));
  for (const char* name :
       {// numbers of /varz
        "auth_timeout", "connections", "cores", "cpu", "gomaxprocs", "http_port", "https_port",
        "in_bytes", "in_client_bytes", "in_client_msgs", "in_msgs", "leafnodes", "max_connections",
        "max_control_line", "max_payload", "max_pending", "max_subscriptions", "mem", "out_bytes",
        "out_client_bytes", "out_client_msgs", "out_msgs", "ping_interval", "ping_max", "port",
        "proto", "remotes", "routes", "slow_consumers", "stale_connections", "stalled_clients",
        "subscriptions", "tls_timeout", "total_connections", "write_deadline",
        // nested numbers
        "cluster_pool_size", "cluster_write_deadline", "disk_io_wait_stats_max_wait_time",
        "disk_io_wait_stats_wait_time", "disk_io_wait_stats_waiters", "disk_io_wait_stats_waits",
        "http_req_stats", "http_req_stats_varz", "slow_consumer_stats_clients",
        "slow_consumer_stats_gateways", "slow_consumer_stats_leafs", "slow_consumer_stats_routes",
        "stale_connection_stats_clients", "stale_connection_stats_gateways",
        "stale_connection_stats_leafs", "stale_connection_stats_routes",
        // texts and times
        "server_id", "server_name", "version", "cluster_name", "start", "config_load_time"}) {
    EXPECT_EQ(found.count(std::string("nats_varz_") + name), 1u) << name;
  }
  for (const char* left_out : {"cluster_cluster_port", "cluster_auth_timeout",
                               "cluster_tls_timeout", "uptime", "now", "impl_version"}) {
    EXPECT_EQ(found.count(std::string("nats_varz_") + left_out), 0u) << left_out;
  }
  for (const char* name : {"nats_connz_num_connections",
                           "nats_connz_total",
                           "nats_connz_offset",
                           "nats_connz_limit",
                           "nats_connz_pending_bytes",
                           "nats_connz_subscriptions",
                           "nats_connz_in_bytes",
                           "nats_connz_out_bytes",
                           "nats_connz_in_msgs",
                           "nats_connz_out_msgs",
                           "nats_routez_num_routes",
                           "nats_routez_server_id",
                           "nats_routez_server_name",
                           "nats_subsz_num_subscriptions",
                           "nats_subsz_num_cache",
                           "nats_subsz_num_inserts",
                           "nats_subsz_num_removes",
                           "nats_subsz_num_matches",
                           "nats_subsz_cache_hit_rate",
                           "nats_subsz_max_fanout",
                           "nats_subsz_avg_fanout",
                           "nats_subsz_total",
                           "nats_subsz_offset",
                           "nats_subsz_limit",
                           "nats_subsz_server_id",
                           "nats_healthz_status",
                           "nats_healthz_status_value",
                           "nats_accstatz_current_connections",
                           "nats_accstatz_total_connections",
                           "nats_accstatz_subscriptions",
                           "nats_accstatz_leaf_nodes",
                           "nats_accstatz_sent_messages",
                           "nats_accstatz_sent_bytes",
                           "nats_accstatz_received_messages",
                           "nats_accstatz_received_bytes",
                           "nats_accstatz_slow_consumers",
                           "nats_leafz_conn_nodes_total",
                           "process_cpu_seconds_total",
                           "process_resident_memory_bytes",
                           "process_virtual_memory_bytes",
                           "process_open_fds",
                           "process_max_fds",
                           "process_start_time_seconds"}) {
    EXPECT_EQ(found.count(name), 1u) << name;
  }
}

TEST(Metrics, LabelsAndValues) {
  auto found = samples(metrics_text(sample_scrape()));
  EXPECT_EQ(found.at(R"(nats_varz_in_msgs{server_id="alpha"})"), 11);
  EXPECT_EQ(found.at(R"(nats_varz_server_id{server_id="alpha",value="NABC"})"), 1);
  EXPECT_EQ(found.at(R"(nats_varz_version{server_id="alpha",value="2.14.0"})"), 1);
  EXPECT_EQ(found.at(R"(nats_varz_cluster_name{server_id="alpha",value="east"})"), 1);
  EXPECT_EQ(found.at(R"(nats_varz_start{server_id="alpha"})"), 1'700'000'000'000);
  EXPECT_EQ(found.at(R"(nats_varz_http_req_stats{server_id="alpha"})"), 1);
  EXPECT_EQ(found.at(R"(nats_varz_http_req_stats_varz{server_id="alpha"})"), 2);
  EXPECT_EQ(found.at(R"(nats_connz_num_connections{server_id="alpha"})"), 3);
  EXPECT_EQ(found.at(R"(nats_connz_pending_bytes{server_id="alpha"})"), 9);
  EXPECT_EQ(found.at(R"(nats_connz_out_bytes{server_id="alpha"})"), 4);
  EXPECT_EQ(found.at(R"(nats_routez_num_routes{server_id="alpha"})"), 2);
  EXPECT_EQ(found.at(R"(nats_subsz_cache_hit_rate{server_id="alpha"})"), 0.25);
  EXPECT_EQ(found.at(R"(nats_healthz_status{server_id="alpha"})"), 0);
  EXPECT_EQ(found.at(R"(nats_healthz_status_value{server_id="alpha",value="ok"})"), 1);
  EXPECT_EQ(found.at("nats_accstatz_current_connections{server_id=\"alpha\",account=\"$G\","
                     "account_id=\"$G\",account_name=\"$G\"}"),
            3);
  EXPECT_EQ(found.at("natrix_build_info{impl=\"natrix-broker\",impl_version=\"0.1.0\","
                     "nats_version=\"2.14.0\"}"),
            1);
  EXPECT_EQ(found.at("natrix_monitor_refused_connections_total"), 4);
  EXPECT_GT(found.at("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(found.at("process_start_time_seconds"), 1.6e9);
}

TEST(Metrics, ASickServer) {
  Scrape scrape = sample_scrape();
  scrape.health.problems = {{"CONNECTION", "x"}};
  auto found = samples(metrics_text(scrape));
  EXPECT_EQ(found.at(R"(nats_healthz_status{server_id="alpha"})"), 1);
  EXPECT_EQ(found.at(R"(nats_healthz_status_value{server_id="alpha",value="error"})"), 0);
}

TEST(Metrics, TypesAreTheExporters) {
  std::string text = metrics_text(sample_scrape());
  EXPECT_NE(text.find("# TYPE nats_varz_in_msgs gauge\n"), std::string::npos);
  EXPECT_NE(text.find("# HELP nats_varz_in_msgs in_msgs\n"), std::string::npos);
  EXPECT_NE(text.find("# TYPE nats_connz_in_msgs counter\n"), std::string::npos);
  EXPECT_NE(text.find("# TYPE nats_connz_pending_bytes gauge\n"), std::string::npos);
  EXPECT_NE(text.find("# TYPE process_cpu_seconds_total counter\n"), std::string::npos);
}

TEST(Metrics, LabelValuesAreEscaped) {
  Scrape scrape = sample_scrape();
  scrape.server.server_name = "a\"b\\c\nd";
  EXPECT_EQ(samples(metrics_text(scrape)).count(R"(nats_varz_port{server_id="a\"b\\c\nd"})"), 1u);
}

TEST(Metrics, SeriesDoNotGrowWithTheServer) {
  Scrape small = sample_scrape(), large = sample_scrape();
  large.connections.connections.resize(5000);
  large.routes.routes.resize(500);
  large.subscriptions.list.resize(5000);
  size_t few = samples(metrics_text(small)).size();
  EXPECT_EQ(samples(metrics_text(large)).size(), few);

  large.accounts.accounts.clear();
  for (int i = 0; i < 5000; ++i) {
    large.accounts.accounts.emplace_back().name = "A" + std::to_string(i);
    large.accounts.accounts.back().traffic.in_msgs = 1;
  }
  auto found = samples(metrics_text(large));
  EXPECT_EQ(found.size(), few + (kMaxAccountSeries + 1 - 2) * 9);
  double messages = 0;
  for (const auto& [series, value] : found) {
    if (series.rfind("nats_accstatz_received_messages", 0) == 0) messages += value;
  }
  EXPECT_EQ(messages, 5000) << "what is not shown by itself is in _other";
}

// Settings are the only texts of users that come near a name.
TEST(Metrics, MetadataCannotMakeBadNames) {
  Scrape scrape = sample_scrape();
  scrape.server.metadata = {{"version", "x"}, {"a b", "y"}, {"name", "z\xff"}};
  std::string text = metrics_text(scrape);
  EXPECT_EQ(samples(text).count(R"(nats_varz_metadata_version{server_id="alpha",value="x"})"), 1u);
  std::regex valid("[a-zA-Z_][a-zA-Z0-9_]*");
  for (const std::string& name : names(text)) EXPECT_TRUE(std::regex_match(name, valid)) << name;
}

// Prometheus' checker reads the text and complains about names; of those, only what the official
// exporter has taught dashboards may remain.
TEST(Metrics, PromtoolAcceptsThem) {
  if (std::system("promtool --version >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool is not installed (Debian package prometheus)";
  }
  std::string file = ::testing::TempDir() + "metrics_test.prom";
  std::ofstream(file) << metrics_text(sample_scrape());
  FILE* pipe = popen(("promtool check metrics <'" + file + "' 2>&1").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  const std::set<std::string> official{"nats_connz_in_bytes",        "nats_connz_in_msgs",
                                       "nats_connz_out_bytes",       "nats_connz_out_msgs",
                                       "nats_connz_total",           "nats_subsz_total",
                                       "nats_leafz_conn_nodes_total"};
  std::array<char, 512> line;
  while (fgets(line.data(), line.size(), pipe) != nullptr) {
    std::string complaint = line.data();
    EXPECT_EQ(official.count(complaint.substr(0, complaint.find(' '))), 1u) << complaint;
  }
  int status = pclose(pipe);
  int code = WEXITSTATUS(status);
  EXPECT_TRUE(code == 0 || code == 3) << "the text does not parse: exit code " << code;
  std::remove(file.c_str());
}

// Streams and consumers as the exporter's "-jsz=all" shows them.
TEST(Metrics, JetStream) {
  Scrape scrape = sample_scrape();
  EXPECT_NE(metrics_text(scrape).find("jetstream_server_jetstream_disabled"), std::string::npos);
  EXPECT_EQ(metrics_text(scrape).find("jetstream_server_total_streams"), std::string::npos);

  scrape.server.jetstream.emplace().streams = 7;
  scrape.server.jetstream->store.sync_time = std::chrono::milliseconds(1500);
  scrape.jetstream.emplace().accounts.emplace_back().name = "A";
  scrape.jetstream->accounts[0].streams.push_back(
      {R"({"config":{"name":"S"},"state":{"messages":2,"bytes":3,"first_seq":4,"last_seq":5,)"
       R"("consumer_count":1}})",
       {R"({"name":"C","created":"t","config":{"description":"d"},"delivered":{"consumer_seq":11,)"
        R"("stream_seq":12},"ack_floor":{"consumer_seq":13,"stream_seq":14},"num_ack_pending":15,)"
        R"("num_redelivered":16,"num_waiting":17,"num_pending":18})"},
       {}});
  std::string text = metrics_text(scrape);
  std::string server =
      R"(server_id="alpha",server_name="alpha",cluster="east",domain="",meta_leader="",)"
      R"(is_meta_leader="true")";
  std::string stream = server + R"(,account="A",account_id="A",stream_name="S",stream_leader="",)"
                                R"(is_stream_leader="true")";
  std::string consumer = stream + R"(,consumer_name="C",consumer_leader="",)"
                                  R"(is_consumer_leader="true",consumer_desc="d",)"
                                  R"(consumer_created="t")";
  for (const std::string& line : {"jetstream_server_total_streams{" + server + "} 7",
                                  "jetstream_stream_total_messages{" + stream + "} 2",
                                  "jetstream_stream_total_bytes{" + stream + "} 3",
                                  "jetstream_stream_first_seq{" + stream + "} 4",
                                  "jetstream_stream_last_seq{" + stream + "} 5",
                                  "jetstream_stream_consumer_count{" + stream + "} 1",
                                  "jetstream_consumer_delivered_consumer_seq{" + consumer + "} 11",
                                  "jetstream_consumer_delivered_stream_seq{" + consumer + "} 12",
                                  "jetstream_consumer_ack_floor_consumer_seq{" + consumer + "} 13",
                                  "jetstream_consumer_ack_floor_stream_seq{" + consumer + "} 14",
                                  "jetstream_consumer_num_ack_pending{" + consumer + "} 15",
                                  "jetstream_consumer_num_redelivered{" + consumer + "} 16",
                                  "jetstream_consumer_num_waiting{" + consumer + "} 17",
                                  "jetstream_consumer_num_pending{" + consumer + "} 18",
                                  std::string("natrix_jetstream_sync_seconds_total 1.5"),
                                  std::string("natrix_jetstream_sync_interval_seconds 0"),
                                  std::string("natrix_jetstream_store_writable 1")}) {
    EXPECT_NE(text.find("\n" + line + "\n"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace natrix::monitor
