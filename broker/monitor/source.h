// What the monitoring pages show, asked of the server through this interface: `monitor` renders
// JSON and Prometheus text and knows nothing of connections, shards or routes.
//
// The structs are plain snapshots with the fields of wire.md 17; the implementation (server/) fills
// them by asking every shard. Each call is asynchronous, made on the monitor's thread; the answer
// is handed to `done` on that same thread, once (before the call returns is allowed). A source that
// never answers costs the asker a 503 and nothing else; an answer that comes late is dropped.
// select.h turns unsorted snapshots of connections and subscriptions into the pages asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/tls/certificate.h"

namespace natrix::monitor {

using Time = std::chrono::system_clock::time_point;
using Duration = std::chrono::nanoseconds;

struct Traffic {
  int64_t in_msgs = 0, out_msgs = 0, in_bytes = 0, out_bytes = 0;
};

struct ClusterInfo {
  std::string name;
  std::string addr;
  int port = 0;
  double auth_timeout = 0;
  std::vector<std::string> urls;  // host:port of the configured routes
  double tls_timeout = 2;         // seconds
  bool tls_required = false, tls_verify = false;
  std::optional<tls::CertificateFacts> tls_certificate;
  int pool_size = 0;
  Duration write_deadline{0};  // 0: as for clients
};

// Contention for the disk (JetStream); all zero in a server that stores nothing.
struct DiskWaits {
  int64_t waiters = 0;
  uint64_t waits = 0;
  Duration wait_time{0}, max_wait_time{0};
};

// The store on disk.
struct StoreCounts {
  uint64_t synced_batches = 0, synced_records = 0;
  Duration sync_time{0}, sync_time_max{0};
  uint64_t written_bytes = 0, failed_batches = 0, damage_reports = 0;
  uint64_t segments = 0, disk_bytes = 0, buffered_bytes = 0;
  bool writable = true;
};

// JetStream as a whole.
struct JetStreamInfo {
  std::string store_dir, domain;
  int64_t max_memory = 0, max_storage = 0;
  Duration sync_interval{0};  // 0: before every acknowledgement
  bool strict = true;
  int64_t memory = 0, storage = 0, reserved_memory = 0, reserved_storage = 0;
  int64_t accounts = 0, streams = 0, consumers = 0;
  uint64_t messages = 0, bytes = 0;
  int api_level = 0;
  uint64_t api_total = 0, api_errors = 0;
  StoreCounts store;
};

struct SlowConsumerCounts {
  uint64_t clients = 0, routes = 0, gateways = 0, leafs = 0;
};

struct ServerInfo {
  std::string server_id, server_name, version, git_commit;
  std::string impl, impl_version;  // our own name and version
  std::string toolchain;           // shown where nats-server shows its Go version
  int proto = 1;
  std::string host;
  int port = 0;
  bool auth_required = false;
  std::vector<std::string> connect_urls;
  int64_t max_connections = 0;
  int64_t max_subscriptions = 0;
  Duration ping_interval{0};
  int ping_max = 0;
  std::string http_host;
  int http_port = 0;   // the real one if the configured one was random
  int https_port = 0;  // 0: off
  std::string http_base_path;
  double auth_timeout = 0;
  int max_control_line = 0;
  int64_t max_payload = 0;
  int64_t max_pending = 0;
  double tls_timeout = 2;  // seconds
  bool tls_required = false, tls_verify = false;
  std::optional<tls::CertificateFacts> tls_certificate;  // of clients and HTTPS
  Duration write_deadline{0};
  ClusterInfo cluster;
  Time start;
  int shards = 0;
  int64_t connections = 0;         // open now
  uint64_t total_connections = 0;  // since start
  int64_t routes = 0, remotes = 0, leafnodes = 0;
  Traffic traffic;         // everything
  Traffic client_traffic;  // clients only
  int64_t slow_consumers = 0, stale_connections = 0, stalled_clients = 0;
  SlowConsumerCounts slow_consumer_stats, stale_connection_stats;
  uint32_t subscriptions = 0;
  Time config_load_time;
  std::string config_digest;
  Duration reload_interval{0};  // 0: reloads only when told to
  std::vector<std::string> tags;
  std::map<std::string, std::string> metadata;
  std::string system_account;
  DiskWaits disk_waits;
  std::optional<JetStreamInfo> jetstream;  // nullopt: not enabled
};

struct SubscriptionInfo {
  std::string account;
  std::string account_tag;  // name tag of the account's JWT; empty: the account has none
  std::string subject, queue, sid;
  int64_t msgs = 0, max = 0;
  uint64_t cid = 0;
};

struct ConnectionInfo {
  uint64_t cid = 0;
  std::string kind, type, ip;
  int port = 0;
  Time start, last_activity;
  std::optional<Time> stop;  // closed connections
  std::string reason;
  std::optional<Duration> rtt;  // nullopt: not measured yet, left out of the page
  int64_t pending_bytes = 0;
  Traffic traffic;
  int64_t stalls = 0;
  uint32_t subscriptions = 0;
  std::string name, lang, version;
  std::string tls_version, tls_cipher_suite;  // empty: no TLS
  std::vector<tls::PeerCertificate> tls_peer_certs;
  bool tls_first = false;
  std::string authorized_user, account;
  std::string account_tag;  // as SubscriptionInfo::account_tag
  std::string mqtt_client;
  std::vector<SubscriptionInfo> subscription_list;
};

// Sums over a set of connections.
struct ConnectionSums {
  int64_t pending_bytes = 0;
  uint64_t subscriptions = 0;
  Traffic traffic;
};

enum class ConnState { kOpen, kClosed, kAll };

struct ConnectionQuery {
  std::string sort = "cid";
  bool auth = false;
  bool subscriptions = false;  // fill subscription_list
  int64_t offset = 0;
  int64_t limit = 1024;
  uint64_t cid = 0;  // 0: any
  ConnState state = ConnState::kOpen;
  std::string user, account, filter_subject, mqtt_client;  // empty: any
  bool sums_only = false;  // only total and sums are wanted: `connections` may stay empty
};

struct ConnectionPage {
  std::string server_id;
  Time now;
  int64_t total = 0, offset = 0, limit = 0;
  ConnectionSums sums;                      // over all that match, not only those of this page
  std::vector<ConnectionInfo> connections;  // sorted and cut by the source
};

// Subjects a route may carry; empty lists are left out of the page.
struct SubjectRules {
  std::vector<std::string> allow, deny;
};

struct RouteInfo {
  uint64_t rid = 0;
  std::string remote_id, remote_name;
  bool did_solicit = false, is_configured = false;
  std::string ip;
  int port = 0;
  Time start, last_activity;
  std::optional<Duration> rtt;
  int64_t pending_size = 0;
  Traffic traffic;
  uint32_t subscriptions = 0;
  std::string account;      // of a dedicated route
  std::string compression;  // mode in use, "off" if none
  int pool_index = -1;      // place in the pool; orders the page, not shown
  std::optional<SubjectRules> import_rules, export_rules;  // as the remote announced them
  std::vector<SubscriptionInfo> subscription_list;
};

struct RoutePage {
  std::string server_id, server_name;
  Time now;
  std::optional<SubjectRules> import_rules, export_rules;  // cluster.permissions of this server
  std::vector<RouteInfo> routes;
};

struct SubscriptionQuery {
  bool list = false;
  int64_t offset = 0, limit = 1024;
  std::string account;
  std::string test;  // only those that a message to this subject would reach
};

// What a subject index says of itself.
struct SublistStats {
  uint32_t num_subscriptions = 0, num_cache = 0;
  uint64_t num_inserts = 0, num_removes = 0, num_matches = 0;
  double cache_hit_rate = 0;  // 0..1
  uint32_t max_fanout = 0;
  double avg_fanout = 0;
};

struct SubscriptionPage : SublistStats {
  std::string server_id;
  Time now;
  int64_t total = 0, offset = 0, limit = 0;  // total: those that match, 0 without a list
  std::vector<SubscriptionInfo> list;        // sorted and cut by the source
};

struct AccountInfo {
  std::string name;
  std::string tag;  // name tag of its JWT; empty: none
  bool is_system = false;
  Time updated;
  bool expired = false, complete = true, jetstream = false;
  int64_t client_connections = 0, leafnodes = 0;
  SublistStats subscriptions;
  Traffic traffic;  // everything; the parts of it that came or went by other servers:
  Traffic gateway_traffic, route_traffic, leaf_traffic;
  int64_t slow_consumers = 0;
};

struct AccountPage {
  std::string server_id, system_account;
  Time now;
  std::vector<AccountInfo> accounts;
};

struct JetStreamQuery {
  std::string account;  // empty: all
  bool streams = false, consumers = false;
};

// Texts are JSON objects as the JetStream API gives them (StreamInfo, ConsumerInfo).
struct JetStreamStream {
  std::string info;
  std::vector<std::string> consumers, direct_consumers;
};

struct JetStreamAccount {
  std::string name;
  int64_t memory = 0, storage = 0, reserved_memory = 0, reserved_storage = 0;
  uint64_t api_total = 0, api_errors = 0;
  std::vector<JetStreamStream> streams;
};

struct JetStreamPage {
  std::vector<JetStreamAccount> accounts;  // by name
  int64_t left_out = 0;                    // consumers beyond kMaxPageConsumers
};

// Consumers that a page or a scrape shows at most.
inline constexpr int64_t kMaxPageConsumers = 10'000;

struct HealthQuery {
  bool server_only = false;               // whether clients can connect
  bool enabled_only = false;              // that, and whether JetStream runs
  std::string account, stream, consumer;  // must exist, unless empty
};

// Liveness of this server. `problems` empty = healthy.
struct Health {
  struct Problem {
    // CONNECTION: a listener is not up (HTTP 500); JETSTREAM, ... (HTTP 503)
    std::string type;
    std::string error;
    // What was asked for and does not exist (HTTP 404).
    bool absent = false;
    std::string account, stream, consumer;
  };
  std::vector<Problem> problems;
};

class Source {
 public:
  template <class T>
  using Done = std::function<void(T)>;

  virtual ~Source() = default;
  virtual void server_info(Done<ServerInfo> done) = 0;
  virtual void connections(ConnectionQuery query, Done<ConnectionPage> done) = 0;
  virtual void routes(bool subscriptions, Done<RoutePage> done) = 0;
  virtual void subscriptions(SubscriptionQuery query, Done<SubscriptionPage> done) = 0;
  virtual void accounts(Done<AccountPage> done) = 0;
  // Nothing when JetStream is not enabled.
  virtual void jetstream(JetStreamQuery query, Done<std::optional<JetStreamPage>> done) = 0;
  virtual void health(HealthQuery query, Done<Health> done) = 0;
};

}  // namespace natrix::monitor
