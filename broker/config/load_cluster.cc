#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "broker/base/duration.h"
#include "broker/config/address.h"
#include "broker/config/load_parts.h"

namespace natrix::config {
namespace {

using std::chrono::nanoseconds;

constexpr auto kMaxRoutePing = std::chrono::seconds(30);

void read_routes(const Field& field, std::vector<Url>& routes) {
  if (!field.value().is(Value::Type::kArray)) {
    field.wrong_type("an array of URLs such as [ \"nats://host:6222\" ]");
    return;
  }
  std::set<std::string> seen;
  routes.clear();
  for (const Value& item : field.value().items) {
    Field one(field.report(), field.key(), item);
    std::string text;
    if (!one.read(text)) continue;
    if (!seen.insert(text).second) {
      one.warning("invalid use of field \"routes\": Duplicate route entry detected");
      continue;
    }
    Result<Url> url = parse_url(text);
    if (!url)
      one.error(url.error().message);
    else
      routes.push_back(std::move(*url));
  }
}

void read_cluster_permissions(const Field& field, ClusterOptions& cluster) {
  size_t errors_before = field.report().errors.size();
  Permissions permissions;
  read_permissions(field, permissions);
  if (field.report().errors.size() != errors_before) return;
  if (permissions.allow_responses) {
    field.error("Cluster permissions do not support dynamic responses; remove allow_responses");
    return;
  }
  // A route has no queues of its own: "subject queue" makes no sense here.
  for (const auto* list : {&permissions.subscribe.allow, &permissions.subscribe.deny}) {
    for (const std::string& subject : *list) {
      if (subject.find_first_of(" \t") != std::string::npos)
        field.error(fmt::format("cluster export: subject \"{}\" is not a valid subject", subject));
    }
  }
  cluster.permissions = std::move(permissions);
}

void read_name(const Field& field, std::string& target) {
  std::string name;
  if (!field.read(name)) return;
  if (name.find(' ') != std::string::npos)
    field.error("cluster name cannot contain spaces");
  else
    target = std::move(name);
}

void read_cluster_ping(const Field& field, nanoseconds& target) {
  if (!field.read(target, nanoseconds(1))) return;
  if (target > kMaxRoutePing) {
    field.warning("Cluster 'ping_interval' will reset to 30s which is the max for routes");
    target = kMaxRoutePing;
  }
}

void read_pool_size(const Field& field, int& target) {
  constexpr int kMostConnections = 1024;
  field.read_unless_zero(target, {-1, kMostConnections});
}

void read_advertise(const Field& field, std::string& target) {
  std::string text;
  if (!field.read(text)) return;
  Result<HostPort> address = parse_advertise(text);
  if (text.empty() || address)
    target = std::move(text);
  else
    field.error(fmt::format("invalid {}: {}", field.key(), address.error().message));
}

constexpr Key<ClusterOptions> kClusterKeys[] = {
    {"name", [](const Field& f, ClusterOptions& c) { read_name(f, c.name); }},
    {"listen", [](const Field& f, ClusterOptions& c) { read_listen(f, c.host, c.port); }},
    {"host/net", [](const Field& f, ClusterOptions& c) { f.read(c.host); }},
    {"port",
     [](const Field& f, ClusterOptions& c) {
       f.read(c.port, {-1, kMaxPort});
     }},
    {"authorization",
     [](const Field& f, ClusterOptions& c) { read_cluster_authorization(f, c.authorization); }},
    {"tls", [](const Field& f, ClusterOptions& c) { read_tls(f, TlsUse::kRoutes, c.tls); }},
    {"permissions", [](const Field& f, ClusterOptions& c) { read_cluster_permissions(f, c); }},
    {"routes", [](const Field& f, ClusterOptions& c) { read_routes(f, c.routes); }},
    {"advertise/cluster_advertise",
     [](const Field& f, ClusterOptions& c) { read_advertise(f, c.advertise); }},
    {"no_advertise", [](const Field& f, ClusterOptions& c) { f.read(c.no_advertise); }},
    {"connect_retries",
     [](const Field& f, ClusterOptions& c) {
       f.read(c.connect_retries, {0, INT32_MAX});
     }},
    {"connect_backoff", [](const Field& f, ClusterOptions& c) { f.read(c.connect_backoff); }},
    {"pool_size", [](const Field& f, ClusterOptions& c) { read_pool_size(f, c.pool_size); }},
    {"accounts",
     [](const Field& f, ClusterOptions& c) {
       c.pinned_accounts.clear();
       f.read(c.pinned_accounts);
     }},
    {"ping_interval",
     [](const Field& f, ClusterOptions& c) { read_cluster_ping(f, c.ping_interval); }},
    {"ping_max",
     [](const Field& f, ClusterOptions& c) {
       f.read(c.ping_max, {0, INT32_MAX});
     }},
    {"write_deadline",
     [](const Field& f, ClusterOptions& c) { f.read(c.write_deadline, nanoseconds(1)); }},
};
constexpr Absent kClusterAbsent[] = {
    {"compression", true},
    {"write_timeout"},
};

}  // namespace

void read_cluster(const Field& field, ClusterOptions& cluster) {
  const Value* map = field.map();
  if (map == nullptr) return;
  read_section<ClusterOptions>(field.report(), *map, kClusterKeys, kClusterAbsent, cluster);
  // The old place of the permissions; the block of their own wins.
  if (cluster.authorization.default_permissions && !cluster.permissions) {
    field.warning("setting \"permissions\" within cluster authorization block is deprecated");
    cluster.permissions = cluster.authorization.default_permissions;
  }
  cluster.authorization.default_permissions.reset();
}

}  // namespace natrix::config
