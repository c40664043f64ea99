// What the monitoring pages show, asked of the server through this interface: `monitor` renders
// JSON and Prometheus text and knows nothing of connections, shards or routes.
//
// The structs are plain snapshots with the fields of wire.md 17; the implementation (server/) fills
// them by asking every shard. Each call is asynchronous, made on the monitor's thread; the answer
// is handed to `done` on that same thread, once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

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
  std::vector<std::string> urls;
  int pool_size = 0;
};

struct SlowConsumerCounts {
  uint64_t clients = 0, routes = 0, gateways = 0, leafs = 0;
};

struct ServerInfo {
  std::string server_id, server_name, version, git_commit;
  std::string impl, impl_version;  // our own name and version
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
  int http_port = 0;
  std::string http_base_path;
  double auth_timeout = 0;
  int max_control_line = 0;
  int64_t max_payload = 0;
  int64_t max_pending = 0;
  Duration write_deadline{0};
  ClusterInfo cluster;
  Time start;
  int shards = 0;
  int64_t connections = 0;
  uint64_t total_connections = 0;
  int64_t routes = 0, remotes = 0, leafnodes = 0;
  Traffic traffic;         // everything
  Traffic client_traffic;  // clients only
  int64_t slow_consumers = 0, stale_connections = 0, stalled_clients = 0;
  SlowConsumerCounts slow_consumer_stats, stale_connection_stats;
  uint32_t subscriptions = 0;
  Time config_load_time;
  std::string config_digest;
  std::vector<std::string> tags;
  std::map<std::string, std::string> metadata;
  std::string system_account;
};

struct SubscriptionInfo {
  std::string account, subject, queue, sid;
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
  std::optional<Duration> rtt;
  int64_t pending_bytes = 0;
  Traffic traffic;
  int64_t stalls = 0;
  uint32_t subscriptions = 0;
  std::string name, lang, version;
  std::string authorized_user, account;
  std::vector<SubscriptionInfo> subscription_list;
};

enum class ConnState { kOpen, kClosed, kAll };

struct ConnectionQuery {
  std::string sort = "cid";
  bool auth = false;
  bool subscriptions = false;  // fill subscription_list
  int64_t offset = 0;
  int64_t limit = 1024;
  uint64_t cid = 0;
  ConnState state = ConnState::kOpen;
  std::string user, account, filter_subject;
};

struct ConnectionPage {
  std::string server_id;
  Time now;
  int64_t total = 0, offset = 0, limit = 0;
  std::vector<ConnectionInfo> connections;  // sorted and cut by the source
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
  std::string account;  // of a dedicated route
  int pool_index = -1;
  std::vector<SubscriptionInfo> subscription_list;
};

struct RoutePage {
  std::string server_id, server_name;
  Time now;
  std::vector<RouteInfo> routes;
};

struct SubscriptionQuery {
  bool list = false;
  int64_t offset = 0, limit = 1024;
  std::string account;
  std::string test;  // only those that a message to this subject would reach
};

struct SubscriptionPage {
  std::string server_id;
  Time now;
  uint32_t num_subscriptions = 0, num_cache = 0;
  uint64_t num_inserts = 0, num_removes = 0, num_matches = 0;
  double cache_hit_rate = 0;
  uint32_t max_fanout = 0;
  double avg_fanout = 0;
  int64_t total = 0, offset = 0, limit = 0;
  std::vector<SubscriptionInfo> list;
};

// Liveness of this server. `problems` empty = healthy.
struct Health {
  struct Problem {
    std::string type;  // CONNECTION, ...
    std::string error;
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
  virtual void health(Done<Health> done) = 0;
};

}  // namespace natrix::monitor
