// What servers tell each other about servers: gossip of routes, client URLs, lame duck (wire.md 5).
#include <fmt/format.h>

#include <algorithm>

#include "broker/config/address.h"
#include "broker/route/cluster.h"
#include "broker/route/cluster_post.h"

namespace natrix::route {

namespace {

// `gossip_mode` of INFO.
constexpr int kGossipDefault = 0;
constexpr int kGossipDisabled = 1;  // do not pass on
constexpr int kGossipOverride = 2;  // pass on although learnt by gossip

// Servers that gossip may make us dial.
constexpr size_t kMaxLearntTargets = 1024;
constexpr size_t kMaxUrlsOfPeer = 256;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// "nats-route://host:port/" of INFO.
std::optional<config::Url> parse_route_url(std::string_view text) {
  Result<config::Url> url = config::parse_url(text);
  if (!url || url->port <= 0) return std::nullopt;
  return std::move(*url);
}

}  // namespace

void Cluster::peer_joined(Link& link) {
  PeerRecord& peer = peers_[link.peer_id];
  peer.name = link.info.server_name;
  peer.info = link.info;
  peer.client_urls = link.info.connect_urls;
  if (peer.client_urls.size() > kMaxUrlsOfPeer) peer.client_urls.resize(kMaxUrlsOfPeer);
  gossip(link);
  report_client_urls();
}

// Tells the other peers of this one, so that they dial it.
void Cluster::gossip(const Link& link) {
  bool from_gossip = link.solicited && !link.target->configured;
  int local_mode = link.target ? link.target->gossip_mode : kGossipDefault;
  if ((from_gossip && local_mode != kGossipOverride) || link.info.gossip_mode == kGossipDisabled) {
    return;
  }
  protocol::Info info = link.info;
  info.nonce.clear();
  info.client_id = 0;
  info.route_pool_idx = 0;
  info.route_account = link.account;
  for (const std::string& id : table_->peer_ids()) {
    if (id == link.peer_id) continue;
    uint64_t rid = link.account.empty() ? 0 : table_->dedicated_connection(id, link.account);
    if (rid == 0) rid = table_->any_connection(id);
    auto to = links_.find(rid);
    if (to == links_.end() || to->second.stage != Stage::kActive) continue;
    if (!link.account.empty() && !to->second.pooled) continue;
    info.gossip_mode = gossip_mode(link, to->second);
    on_shard(to->second, [text = protocol::encode(info)](RouteConnection& connection) {
      connection.write(text);
    });
  }
}

int Cluster::gossip_mode(const Link& about, const Link& to) const {
  bool by_configuration =
      about.solicited ? about.target->configured : peer_is_configured(to.peer_id);
  if (by_configuration) return kGossipOverride;
  return about.solicited ? kGossipDefault : kGossipDisabled;
}

bool Cluster::peer_is_configured(const std::string& peer_id) const {
  return std::any_of(targets_.begin(), targets_.end(), [&](const auto& target) {
    return target->configured && target->peer_id == peer_id;
  });
}

void Cluster::updated_by_peer(Link& link, protocol::Info info) {
  if (info.server_id != link.peer_id) return learn_server(info);
  if (!info.gateway.empty() || !info.route_acc_add_reqid.empty()) {
    // Gateways are not ours to know; a changed `accounts` list needs the same change here.
    if (!info.route_acc_add_reqid.empty()) {
      host_.log().warn("{} wants a route for account \"{}\" alone: add it to cluster.accounts here",
                       link.info.server_name, info.route_account);
    }
    return;
  }
  auto peer = peers_.find(link.peer_id);
  if (peer == peers_.end()) return;
  std::vector<std::string> urls = info.ldm ? std::vector<std::string>{} : info.connect_urls;
  if (urls.size() > kMaxUrlsOfPeer) urls.resize(kMaxUrlsOfPeer);
  if (urls != peer->second.client_urls) {
    peer->second.client_urls = std::move(urls);
    report_client_urls();
  }
  if (info.ldm) return;
  bool may_export_more =
      info.export_allow != link.info.export_allow || info.export_deny != link.info.export_deny;
  link.info.import_allow = std::move(info.import_allow);
  link.info.import_deny = std::move(info.import_deny);
  link.info.export_allow = std::move(info.export_allow);
  link.info.export_deny = std::move(info.export_deny);
  if (may_export_more && link.stage == Stage::kActive) attach_interest(link);
}

// A peer tells of another server.
void Cluster::learn_server(const protocol::Info& info) {
  if (info.server_id == identity_.server_id || table_->known(info.server_id)) return;
  if (info.cluster != identity_.cluster || is_configured(info)) return;
  size_t learnt = 0;
  for (const auto& target : targets_) {
    if (target->peer_id == info.server_id) return;
    if (!target->configured) ++learnt;
  }
  std::optional<config::Url> url = parse_route_url(info.ip);
  if (!url || learnt >= kMaxLearntTargets) {
    host_.log().error("Cannot use the address \"{}\" that a route told of server \"{}\": {}",
                      info.ip, info.server_name, url ? "too many servers" : "not a route URL");
    return;
  }
  if (info.auth_required) {
    url->user = settings_->user;
    url->password = settings_->password;
  }
  auto target = std::make_shared<Target>(control_, std::move(*url), false);
  target->peer_id = info.server_id;
  target->gossip_mode = info.gossip_mode;
  targets_.push_back(target);
  pursue(target);
}

// The server is one of our configured routes, which are dialled anyway.
bool Cluster::is_configured(const protocol::Info& info) const {
  std::string by_host = lower(host_port(info.host, info.port));
  std::optional<config::Url> url = parse_route_url(info.ip);
  std::string by_ip = url ? lower(host_port(url->host, info.port)) : by_host;
  return std::any_of(targets_.begin(), targets_.end(), [&](const auto& target) {
    std::string there = lower(host_port(target->url.host, target->url.port));
    return target->configured && (there == by_host || there == by_ip);
  });
}

void Cluster::broadcast_info(bool lame_duck) {
  protocol::Info info = identity_;
  info.ldm = lame_duck;
  if (options_.cluster.no_advertise) info.connect_urls.clear();
  std::string text = protocol::encode(info);
  for (const std::string& id : table_->peer_ids()) {
    auto link = links_.find(table_->any_connection(id));
    if (link == links_.end() || link->second.stage != Stage::kActive) continue;
    on_shard(link->second, [text](RouteConnection& connection) { connection.write(text); });
  }
}

void Cluster::report_client_urls() {
  std::vector<std::string> urls;
  if (!options_.cluster.no_advertise) {
    std::set<std::string> seen;
    for (const auto& [id, peer] : peers_) {
      for (const std::string& url : peer.client_urls) {
        if (seen.insert(url).second) urls.push_back(url);
      }
    }
  }
  host_.peer_client_urls_changed(std::move(urls));
}

}  // namespace natrix::route
