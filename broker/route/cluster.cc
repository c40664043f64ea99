// Start, stop, reload; making and closing connections.
#include "broker/route/cluster.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <asio/ip/address.hpp>
#include <asio/post.hpp>

#include "broker/config/address.h"
#include "broker/route/cluster_post.h"

namespace natrix::route {

namespace {

// wire.md 2: routes take control lines of 16 times the clients' length.
constexpr size_t kControlLineFactor = 16;
constexpr auto kMaxPingInterval = std::chrono::seconds(30);
// A route carries the messages of many clients: it may have more on the way than one client.
constexpr size_t kPendingFactor = 4;
// Peers may allow larger messages than we do.
constexpr size_t kMaxPayload = 64 << 20;

std::set<std::string> dedicated_accounts(const config::Options& options) {
  std::set<std::string> accounts(options.cluster.pinned_accounts.begin(),
                                 options.cluster.pinned_accounts.end());
  if (!options.no_system_account) {
    accounts.insert(options.system_account.empty() ? std::string(account::kSystemAccount)
                                                   : options.system_account);
  }
  return accounts;
}

// `cluster.advertise`: where peers shall dial this server.
void set_advertised(protocol::Info& info, const std::string& advertise) {
  Result<config::HostPort> there = config::parse_advertise(advertise);
  if (advertise.empty() || !there) return;
  info.host = there->host;
  if (there->port > 0) info.port = there->port;
  info.ip = fmt::format("nats-route://{}/", host_port(info.host, info.port));
}

bool is_address(const std::string& host) {
  std::error_code error;
  (void)asio::ip::make_address(host, error);
  return !error;
}

// What a change of makes all routes be made anew.
bool same_terms(const config::ClusterOptions& a, const config::ClusterOptions& b) {
  auto rules = [](const config::ClusterOptions& c) {
    std::vector<std::vector<std::string>> all;
    if (c.permissions) {
      all = {c.permissions->publish.allow, c.permissions->publish.deny,
             c.permissions->subscribe.allow, c.permissions->subscribe.deny};
    }
    return all;
  };
  return a.pool_size == b.pool_size && a.pinned_accounts == b.pinned_accounts &&
         a.authorization.user == b.authorization.user &&
         a.authorization.password == b.authorization.password &&
         a.authorization.timeout == b.authorization.timeout && !a.tls == !b.tls &&
         rules(a) == rules(b) && a.ping_interval == b.ping_interval && a.ping_max == b.ping_max &&
         a.write_deadline == b.write_deadline && a.advertise == b.advertise;
}

}  // namespace

std::shared_ptr<const Settings> Settings::from(const config::Options& options) {
  const config::ClusterOptions& cluster = options.cluster;
  auto settings = std::make_shared<Settings>();
  settings->parser.max_control_line =
      static_cast<size_t>(options.max_control_line) * kControlLineFactor;
  settings->parser.max_payload =
      std::max(kMaxPayload, static_cast<size_t>(std::max(0, options.max_payload)));
  settings->max_pending_bytes = static_cast<size_t>(options.max_pending) * kPendingFactor;
  settings->write_deadline =
      cluster.write_deadline.count() > 0 ? cluster.write_deadline : options.write_deadline;
  auto interval = cluster.ping_interval.count() > 0 ? cluster.ping_interval : options.ping_interval;
  settings->ping_interval = std::min<std::chrono::nanoseconds>(interval, kMaxPingInterval);
  settings->ping_max = cluster.ping_max > 0 ? cluster.ping_max : options.ping_max;
  settings->handshake_timeout = config::auth_timeout(cluster.authorization, cluster.tls.get());
  settings->user = cluster.authorization.user;
  settings->password = cluster.authorization.password;
  settings->tls = cluster.tls;
  for (const config::Url& url : cluster.routes) settings->known_hosts.push_back(url.host);
  settings->headers = !options.no_header_support;
  settings->stall_fast_producers = !options.no_fast_producer_stall;
  settings->max_traced_message =
      static_cast<size_t>(std::max<int64_t>(0, options.max_traced_msg_len));
  if (cluster.permissions) {
    settings->permissions =
        std::make_shared<const account::CompiledPermissions>(*cluster.permissions);
  }
  return settings;
}

Cluster::Cluster(asio::io_context& control, const config::Options& options, protocol::Info identity,
                 std::vector<ShardContext*> shards, Host& host)
    : control_(control),
      host_(host),
      shards_(std::move(shards)),
      identity_(std::move(identity)),
      port_(identity_.port),
      own_addresses_(own_addresses(port_)) {
  identity_.lnoc = identity_.lnocu = true;
  apply(options);
}

Cluster::~Cluster() {
  stop();
}

void Cluster::apply(const config::Options& options) {
  options_ = options;
  const config::ClusterOptions& cluster = options_.cluster;
  settings_ = Settings::from(options_);
  identity_.host = cluster.host;
  identity_.port = port_;
  identity_.ip.clear();
  set_advertised(identity_, cluster.advertise);
  identity_.tls_required = identity_.tls_verify = cluster.tls != nullptr;
  identity_.tls_available = false;
  identity_.auth_required = !cluster.authorization.user.empty();
  identity_.route_pool_size = std::max(0, cluster.pool_size);
  identity_.compression = "not supported";
  identity_.import_allow = identity_.import_deny = std::nullopt;
  identity_.export_allow = identity_.export_deny = std::nullopt;
  if (cluster.permissions) {
    identity_.import_allow = cluster.permissions->publish.allow;
    identity_.import_deny = cluster.permissions->publish.deny;
    identity_.export_allow = cluster.permissions->subscribe.allow;
    identity_.export_deny = cluster.permissions->subscribe.deny;
  }
  table_ = std::make_unique<PeerTable>(identity_.server_id, cluster.pool_size,
                                       dedicated_accounts(options_));
}

void Cluster::make_interest() {
  for (account::Account* account : host_.accounts().all()) {
    interest_[account->name()] =
        std::make_unique<AccountInterest>(*account, settings_->permissions);
  }
  for (const std::string& name : table_->dedicated()) {
    if (!interest_.contains(name)) {
      host_.log().error("cluster.accounts: there is no account \"{}\", it gets no route", name);
    }
  }
}

void Cluster::start() {
  make_interest();
  find_tls_name();
  for (const config::Url& url : options_.cluster.routes) add_target(url);
  for (const auto& target : targets_) pursue(target);
}

void Cluster::stop() {
  if (stopped_) return;
  stopped_ = true;
  for (const auto& target : targets_) {
    target->removed = true;
    target->timer.cancel();
    for (auto& [account, lane] : target->lanes) {
      if (lane.dial) lane.dial->cancel();
    }
  }
  targets_.clear();
  interest_.clear();
  close_all(io::CloseReason::kServerShutdown);
  links_.clear();
}

// ---- connections

std::string Cluster::our_info(const Link& link) const {
  protocol::Info info = identity_;
  if (options_.cluster.no_advertise) info.connect_urls.clear();
  info.route_pool_idx = std::max(0, link.place);
  info.route_account = link.account;
  if (link.target) info.gossip_mode = link.target->gossip_mode;
  return protocol::encode(info);
}

std::string Cluster::our_connect(const Target& target) const {
  protocol::Connect connect;
  connect.verbose = connect.pedantic = false;
  connect.echo = true;
  connect.user = target.url.user;
  connect.pass = target.url.password;
  connect.tls_required = settings_->tls != nullptr;
  connect.headers = settings_->headers;
  connect.name = identity_.server_id;
  connect.cluster = identity_.cluster;
  connect.cluster_dynamic = identity_.cluster_dynamic;
  connect.lnoc = true;
  return protocol::encode_route_connect(connect);
}

// What the certificate of a server that we dial must be for.
std::string Cluster::tls_name_of(const Target& target) const {
  return is_address(target.url.host) && !tls_name_.empty() ? tls_name_ : target.url.host;
}

void Cluster::find_tls_name() {
  tls_name_.clear();
  for (const config::Url& url : options_.cluster.routes) {
    if (tls_name_.empty() && !is_address(url.host)) tls_name_ = url.host;
  }
  if (settings_->tls && settings_->tls->options().insecure) {
    host_.log().warn(
        "TLS certificate chain and hostname of solicited routes will not be verified. DO NOT USE "
        "IN PRODUCTION!");
  }
}

void Cluster::name_refused(uint64_t rid) {
  on_control([rid](Cluster& cluster) {
    auto found = cluster.links_.find(rid);
    if (found == cluster.links_.end() || !found->second.target) return;
    // The name that stood in does not suit that server: its address is tried next.
    if (is_address(found->second.target->url.host)) cluster.tls_name_.clear();
  });
}

void Cluster::accept(int fd) {
  if (stopped_) {
    ::close(fd);
    return;
  }
  open_link(fd, nullptr, {});
}

void Cluster::open_link(int fd, const std::shared_ptr<Target>& target, const std::string& account) {
  uint64_t rid = host_.next_connection_id();
  Link& link = links_[rid];
  link.rid = rid;
  link.solicited = target != nullptr;
  link.target = target;
  link.account = account;
  if (target) target->lanes[account].rid = rid;
  // Whom we dialled speaks first: what we say depends on its cluster name and free places.
  std::string first_words = target ? std::string() : our_info(link);
  ShardContext& context = *shards_[next_shard_++ % shards_.size()];
  context.router.shard().post([&context, fd, rid, solicited = link.solicited, settings = settings_,
                               weak = weak_from_this(), first_words = std::move(first_words),
                               tls_name = target ? tls_name_of(*target) : std::string()] {
    auto connection =
        std::make_shared<RouteConnection>(context, fd, rid, solicited, settings, weak);
    if (auto self = weak.lock()) {
      asio::post(self->control_, [weak, connection] {
        auto cluster = weak.lock();
        if (cluster) cluster->link_opened(connection);
      });
    }
    io::Turn turn(context.router.shard());
    connection->start_session(first_words, tls_name);
  });
}

void Cluster::link_opened(const std::shared_ptr<RouteConnection>& connection) {
  auto found = links_.find(connection->rid());
  if (found != links_.end()) {
    found->second.connection = connection;
  } else {  // stopped meanwhile
    connection->shard().post([connection] { connection->close(io::CloseReason::kServerShutdown); });
  }
}

void Cluster::close_link(Link& link, io::CloseReason reason) {
  on_shard(link, [reason](RouteConnection& connection) { connection.close(reason); });
}

void Cluster::close_all(io::CloseReason reason) {
  for (auto& [rid, link] : links_) close_link(link, reason);
}

size_t Cluster::route_count() const {
  return static_cast<size_t>(std::count_if(links_.begin(), links_.end(), [](const auto& entry) {
    return entry.second.stage == Stage::kActive;
  }));
}

// ---- changes

void Cluster::reload(const config::Options& options) {
  if (stopped_) return;
  bool same = same_terms(options.cluster, options_.cluster);
  change_routes(options.cluster.routes);
  if (same) {
    options_ = options;
    settings_ = Settings::from(options_);
    find_tls_name();
    report_client_urls();
    return;
  }
  renewing_ = !links_.empty();
  apply(options);
  find_tls_name();
  for (auto& [name, interest] : interest_) interest->set_permissions(settings_->permissions);
  peers_.clear();
  report_client_urls();
  close_all(io::CloseReason::kRouteRemoved);
}

void Cluster::set_client_urls(std::vector<std::string> urls) {
  if (identity_.connect_urls == urls) return;
  identity_.connect_urls = std::move(urls);
  broadcast_info(false);
}

void Cluster::lame_duck() {
  broadcast_info(true);
}

// ---- news from the shards

void Cluster::introduced(std::shared_ptr<RouteConnection> connection, protocol::Connect connect,
                         protocol::Info info) {
  on_control([connection = std::move(connection), connect = std::move(connect),
              info = std::move(info)](Cluster& cluster) mutable {
    auto found = cluster.links_.find(connection->rid());
    if (found == cluster.links_.end()) return;
    found->second.info = std::move(info);
    cluster.consider(found->second, connect);
  });
}

void Cluster::info_received(uint64_t rid, protocol::Info info) {
  on_control([rid, info = std::move(info)](Cluster& cluster) mutable {
    auto found = cluster.links_.find(rid);
    if (found != cluster.links_.end()) cluster.updated_by_peer(found->second, std::move(info));
  });
}

void Cluster::confirmed(uint64_t rid) {
  on_control([rid](Cluster& cluster) {
    auto found = cluster.links_.find(rid);
    if (found == cluster.links_.end() || !found->second.target) return;
    Target& target = *found->second.target;
    target.was_connected = true;
    target.attempts = 0;
    target.pause = {};
    target.lanes[found->second.account].rid = 0;
    cluster.pursue(found->second.target);
  });
}

void Cluster::closed(uint64_t rid, io::CloseReason) {
  on_control([rid](Cluster& cluster) { cluster.link_closed(rid); });
}

}  // namespace natrix::route
