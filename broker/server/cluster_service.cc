#include "broker/server/cluster_service.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>

#include "broker/config/address.h"
#include "broker/crypto/server_id.h"

namespace natrix::server {

namespace {

constexpr size_t kMadeUpNameLength = 22;

monitor::SubjectRules rules(const std::vector<std::string>& allow,
                            const std::vector<std::string>& deny) {
  return {allow, deny};
}

std::optional<monitor::SubjectRules> rules(const std::optional<std::vector<std::string>>& allow,
                                           const std::optional<std::vector<std::string>>& deny) {
  if (!allow && !deny) return std::nullopt;
  return rules(allow.value_or(std::vector<std::string>{}),
               deny.value_or(std::vector<std::string>{}));
}

monitor::RouteInfo to_monitor(const route::RouteSnapshot& route) {
  monitor::RouteInfo info;
  info.rid = route.rid;
  info.remote_id = route.remote_id;
  info.remote_name = route.remote_name;
  info.did_solicit = route.did_solicit;
  info.is_configured = route.is_configured;
  info.ip = route.ip;
  info.port = route.port;
  info.start = route.started;
  info.last_activity = route.last_activity;
  info.rtt = route.rtt;
  info.pending_size = static_cast<int64_t>(route.pending_bytes);
  info.traffic = {route.traffic.in_msgs, route.traffic.out_msgs, route.traffic.in_bytes,
                  route.traffic.out_bytes};
  info.subscriptions = static_cast<uint32_t>(route.subscriptions);
  info.account = route.account;
  info.compression = route.compression;
  info.pool_index = route.pool_index;
  info.import_rules = rules(route.import_allow, route.import_deny);
  info.export_rules = rules(route.export_allow, route.export_deny);
  for (const route::RouteSubscription& sub : route.subscription_list) {
    monitor::SubscriptionInfo one;
    one.account = sub.account;
    one.subject = sub.subject;
    one.queue = sub.queue;
    one.cid = route.rid;
    info.subscription_list.push_back(std::move(one));
  }
  return info;
}

bool is_any(const std::string& host) {
  return host.empty() || host == "0.0.0.0" || host == "::";
}

// An address that others can use; empty for loopback and link-local ones.
std::string global_address(const ifaddrs& one, bool ipv6) {
  char text[INET6_ADDRSTRLEN] = "";
  bool up = (one.ifa_flags & IFF_UP) != 0 && (one.ifa_flags & IFF_LOOPBACK) == 0;
  if (one.ifa_addr == nullptr || !up) return "";
  if (one.ifa_addr->sa_family == AF_INET) {
    const in_addr& four = reinterpret_cast<const sockaddr_in*>(one.ifa_addr)->sin_addr;
    bool link_local = (ntohl(four.s_addr) >> 16) == 0xa9fe;
    if (!link_local) inet_ntop(AF_INET, &four, text, sizeof text);
  } else if (one.ifa_addr->sa_family == AF_INET6 && ipv6) {
    const in6_addr& six = reinterpret_cast<const sockaddr_in6*>(one.ifa_addr)->sin6_addr;
    if (!IN6_IS_ADDR_LINKLOCAL(&six)) inet_ntop(AF_INET6, &six, text, sizeof text);
  }
  return text;
}

}  // namespace

std::vector<std::string> client_urls_of(const std::string& host, int port,
                                        const std::string& advertise) {
  if (Result<config::HostPort> there = config::parse_advertise(advertise);
      !advertise.empty() && there) {
    return {route::host_port(there->host, there->port > 0 ? there->port : port)};
  }
  if (!is_any(host)) return {route::host_port(host, port)};
  std::vector<std::string> urls;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) == 0) {
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
      std::string text = global_address(*one, host == "::");
      if (!text.empty()) urls.push_back(route::host_port(text, port));
    }
    freeifaddrs(list);
  }
  if (urls.empty()) urls.push_back(route::host_port("127.0.0.1", port));
  return urls;
}

Result<void> ClusterService::open(const config::Options& options) {
  const config::ClusterOptions& cluster = options.cluster;
  name_ = cluster.name;
  dynamic_ = name_.empty();
  if (dynamic_) name_ = random_token(kMadeUpNameLength);
  no_advertise_ = cluster.no_advertise;
  auto listener = Listener::open(needs_.control, cluster.host, cluster.port, [this](int fd) {
    if (cluster_) cluster_->accept(fd);
  });
  if (!listener) return fail(fmt::format("cluster: {}", listener.error().message));
  listener_ = std::move(*listener);
  return {};
}

void ClusterService::start(const config::Options& options, const protocol::Info& info,
                           std::vector<std::string> own_urls,
                           const std::vector<std::unique_ptr<ShardState>>& shards) {
  needs_.log.info("Cluster name is {}", name_);
  if (dynamic_) needs_.log.warn("Cluster name was dynamically generated, consider setting one");
  needs_.log.info("Listening for route connections on {}",
                  route::host_port(options.cluster.host, port()));
  own_urls_ = std::move(own_urls);
  protocol::Info identity = info;
  identity.auth_required = false;
  identity.port = port();
  identity.cluster = name_;
  identity.cluster_dynamic = dynamic_;
  identity.connect_urls = own_urls_;
  std::vector<route::ShardContext*> contexts;
  for (const auto& state : shards) {
    contexts_.push_back(std::make_unique<route::ShardContext>(
        route::ShardContext{state->router, *this, state->route_counters}));
    contexts.push_back(contexts_.back().get());
  }
  cluster_ = std::make_shared<route::Cluster>(needs_.control, options, std::move(identity),
                                              std::move(contexts), *this);
  listener_->start();
  cluster_->start();
}

void ClusterService::reload(const config::Options& options, std::vector<std::string> own_urls) {
  no_advertise_ = options.cluster.no_advertise;
  own_urls_ = std::move(own_urls);
  cluster_->reload(options);
  cluster_->set_client_urls(own_urls_);
}

void ClusterService::lame_duck() {
  leaving_ = true;
  listener_->close();
  cluster_->lame_duck();
}

void ClusterService::stop() {
  listener_->close();
  if (cluster_) cluster_->stop();
}

std::vector<std::string> ClusterService::client_urls() const {
  if (no_advertise_ || !had_peers_) return {};
  std::vector<std::string> urls;
  if (!leaving_) urls = own_urls_;
  for (const std::string& url : peer_urls_) {
    if (std::find(urls.begin(), urls.end(), url) == urls.end()) urls.push_back(url);
  }
  return urls;
}

void ClusterService::peer_client_urls_changed(std::vector<std::string> urls) {
  if (urls == peer_urls_) return;
  peer_urls_ = std::move(urls);
  had_peers_ = true;
  needs_.changed();
}

void ClusterService::cluster_name_changed(const std::string& name) {
  name_ = name;
  dynamic_ = false;
  needs_.changed();
}

void ClusterService::describe(monitor::ServerInfo& info, const config::Options& options) const {
  const config::ClusterOptions& cluster = options.cluster;
  info.cluster.name = name_;
  info.cluster.addr = cluster.host;
  info.cluster.port = port();
  info.cluster.auth_timeout =
      std::chrono::duration<double>(config::auth_timeout(cluster.authorization, cluster.tls.get()))
          .count();
  for (const config::Url& url : cluster.routes) {
    info.cluster.urls.push_back(route::host_port(url.host, url.port));
  }
  if (cluster.tls) {
    info.cluster.tls_required = info.cluster.tls_verify = true;
    info.cluster.tls_timeout =
        std::chrono::duration<double>(cluster.tls->options().timeout).count();
    info.cluster.tls_certificate = cluster.tls->certificate();
  }
  info.cluster.pool_size = cluster.pool_size;
  info.cluster.write_deadline = cluster.write_deadline;
  if (!cluster_) return;
  info.routes = static_cast<int64_t>(cluster_->route_count());
  info.remotes = static_cast<int64_t>(cluster_->peer_count());
}

void ClusterService::routes(bool subscriptions,
                            std::function<void(std::vector<monitor::RouteInfo>)> done) {
  if (!cluster_) return done({});
  cluster_->snapshot(subscriptions,
                     [done = std::move(done)](const std::vector<route::RouteSnapshot>& routes) {
                       std::vector<monitor::RouteInfo> infos;
                       for (const route::RouteSnapshot& route : routes)
                         infos.push_back(to_monitor(route));
                       done(std::move(infos));
                     });
}

}  // namespace natrix::server
