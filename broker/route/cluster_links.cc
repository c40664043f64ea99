// Which connection may serve: introductions, places, activation, loss.
#include <fmt/format.h>

#include "broker/route/cluster.h"
#include "broker/route/cluster_post.h"

namespace natrix::route {

using io::CloseReason;

namespace {

std::string dialable(const io::Endpoint& remote, int port) {
  return fmt::format("nats-route://{}/", host_port(remote.ip, port));
}

}  // namespace

// The peer has said who it is: the connection waits for a decision.
void Cluster::consider(Link& link, const protocol::Connect& connect) {
  if (renewing_) return close_link(link, CloseReason::kRouteRemoved);
  if (is_ourselves(link) || !names_agree(link, connect)) return;
  if (link.info.ip.empty() && link.connection) {
    link.info.ip = dialable(link.connection->remote(), link.info.port);
  }
  if (link.target) {
    link.target->peer_id = link.info.server_id;
  } else {
    link.account = link.info.route_account;
  }
  place(link);
}

bool Cluster::is_ourselves(Link& link) {
  if (link.info.server_id == identity_.server_id) {
    if (link.target) {
      host_.log().debug("Detected route to self, ignoring \"{}\"", link.target->url.text());
      link.target->is_self = true;
    }
    close_link(link, CloseReason::kDuplicateRoute);
    return true;
  }
  if (link.info.server_name == identity_.server_name) {
    host_.log().error("rid:{} - Remote server has a duplicate name: \"{}\"", link.rid,
                      link.info.server_name);
    close_link(link, CloseReason::kDuplicateServerName);
    return true;
  }
  return false;
}

bool Cluster::names_agree(Link& link, const protocol::Connect& connect) {
  std::string theirs = link.info.cluster;
  bool dynamic = link.info.cluster_dynamic;
  if (!link.solicited) {
    theirs = connect.cluster;
    dynamic = connect.cluster_dynamic;
  }
  if (theirs == identity_.cluster || (link.solicited && theirs.empty())) return true;
  if (adopt_cluster_name(theirs, dynamic, link.info.server_id)) return true;
  std::string text = fmt::format("Rejecting connection, cluster name \"{}\" does not match \"{}\"",
                                 theirs, identity_.cluster);
  on_shard(link, [text](RouteConnection& connection) {
    connection.refuse(text, CloseReason::kClusterNameConflict);
  });
  return false;
}

// A name that was made up yields to a configured one and to a larger one.
bool Cluster::adopt_cluster_name(const std::string& name, bool dynamic,
                                 const std::string& peer_id) {
  if (!identity_.cluster_dynamic || name.empty()) return false;
  if (dynamic && identity_.cluster >= name) return false;
  host_.log().info("Cluster name updated to {}", name);
  identity_.cluster = name;
  identity_.cluster_dynamic = dynamic;
  host_.cluster_name_changed(name);
  for (auto& [rid, other] : links_) {
    if (!other.peer_id.empty() && other.peer_id != peer_id) {
      close_link(other, CloseReason::kClusterNameConflict);
    }
  }
  return true;
}

void Cluster::place(Link& link) {
  Candidate candidate;
  candidate.rid = link.rid;
  candidate.peer_id = link.info.server_id;
  candidate.solicited = link.solicited;
  candidate.same_product = link.info.impl == identity_.impl && !link.info.impl.empty();
  candidate.pool_size = link.info.route_pool_size;
  candidate.pool_index = link.info.route_pool_idx;
  candidate.account = link.account;
  if (!link.account.empty() && host_.accounts().find(link.account) == nullptr) {
    std::string text =
        fmt::format("Unable to lookup account \"{}\": no such account", link.account);
    on_shard(link, [text](RouteConnection& connection) {
      connection.refuse(text, CloseReason::kMissingAccount);
    });
    return;
  }
  Verdict verdict = table_->place(candidate);
  if (verdict.kind == Verdict::kDuplicate) {
    host_.log().debug("rid:{} - Detected duplicate remote route \"{}\"", link.rid,
                      link.info.server_id);
    return close_link(link, CloseReason::kDuplicateRoute);
  }
  if (verdict.kind == Verdict::kViolation) {
    on_shard(link, [text = verdict.error](RouteConnection& connection) {
      connection.refuse(text, CloseReason::kProtocolViolation);
    });
    return;
  }
  link.peer_id = link.info.server_id;
  link.place = verdict.place;
  link.pooled = verdict.pooled;
  link.stage = Stage::kWaiting;
  if (verdict.first_in_pool) peer_joined(link);
  if (verdict.kind == Verdict::kAdmit) return activate(link);
  // Both would bring the same messages: the old connection goes first.
  link.waits_for = verdict.replaced;
  auto old = links_.find(verdict.replaced);
  if (old != links_.end()) close_link(old->second, CloseReason::kDuplicateRoute);
}

void Cluster::activate(Link& link) {
  link.stage = Stage::kActive;
  link.waits_for = 0;
  host_.log().debug("rid:{} - Registering remote route \"{}\"{}{}", link.rid, link.peer_id,
                    link.account.empty() ? "" : " for account ", link.account);
  std::weak_ptr<RouteConnection> weak = link.connection;
  link.outbox = std::make_shared<Outbox>(settings_->max_pending_bytes, [weak] {
    auto connection = weak.lock();
    if (!connection) return;
    connection->shard().post([connection] {
      io::Turn turn(connection->shard());
      connection->send_interest();
    });
  });
  Activation activation;
  activation.remote_name = link.info.server_name;
  if (link.solicited) activation.greeting = our_connect(*link.target) + our_info(link);
  activation.account = host_.accounts().find(link.account);
  activation.outbox = link.outbox;
  activation.headers = link.info.headers;
  activation.leaf_origin_in_unsub = link.info.lnocu;
  on_shard(link, [activation = std::move(activation)](RouteConnection& connection) mutable {
    connection.activate(std::move(activation));
  });
  // After the activation was posted: the lines follow the greeting.
  attach_interest(link);
  if (!link.account.empty()) gossip(link);
}

void Cluster::attach_interest(Link& link) {
  if (!link.account.empty()) {
    interest_.at(link.account)->attach(link.outbox, false);
    return;
  }
  for (auto& [name, interest] : interest_) {
    bool mine = !link.pooled || (!table_->dedicated().contains(name) &&
                                 PeerTable::pool_index(name, table_->pool_size()) == link.place);
    if (mine) interest->attach(link.outbox, true);
  }
}

// Takes back everything that was done for the link.
void Cluster::forget(const Link& link) {
  if (link.outbox) {
    for (auto& [name, interest] : interest_) interest->detach(*link.outbox);
  }
  if (link.peer_id.empty()) return;
  table_->remove(link.rid, link.peer_id);
  if (!table_->known(link.peer_id) && peers_.erase(link.peer_id) > 0) report_client_urls();
}

void Cluster::link_closed(uint64_t rid) {
  auto found = links_.find(rid);
  if (found == links_.end()) return;
  Link gone = std::move(found->second);
  links_.erase(found);
  forget(gone);
  if (renewing_ && links_.empty()) {
    renewing_ = false;
    for (const auto& target : targets_) {
      target->peer_id.clear();
      schedule(target, {});
    }
  }
  for (auto& [other_rid, other] : links_) {
    if (other.waits_for == rid) {
      activate(other);
      break;
    }
  }
  lane_closed(gone);
}

}  // namespace natrix::route
