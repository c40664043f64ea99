// The routes as monitoring shows them.
#include "broker/route/cluster.h"
#include "broker/route/cluster_post.h"

namespace natrix::route {

namespace {

void fill(RouteSnapshot& route, const RouteConnection& connection, bool with_subscriptions) {
  route.ip = connection.remote().ip;
  route.port = connection.remote().port;
  route.started = connection.started();
  route.last_activity = connection.last_activity();
  route.rtt = connection.rtt();
  route.pending_bytes = connection.pending_bytes();
  route.traffic = connection.traffic();
  route.subscriptions = connection.subscription_count();
  if (!with_subscriptions) return;
  for (const AccountSubscriptions& one : connection.interest()) {
    for (const subject::Subscription* sub : one.subscriptions) {
      route.subscription_list.push_back({one.account->name(), std::string(sub->subject()),
                                         std::string(sub->queue()),
                                         sub->weight.load(std::memory_order_relaxed)});
    }
  }
}

// Collects the answers of the shards; the last one to let go of it reports.
struct Collector {
  std::vector<RouteSnapshot> routes;
  size_t missing = 0;
  std::function<void(std::vector<RouteSnapshot>)> done;
};

}  // namespace

void Cluster::snapshot(bool with_subscriptions,
                       std::function<void(std::vector<RouteSnapshot>)> done) {
  auto collector = std::make_shared<Collector>();
  collector->done = std::move(done);
  for (auto& [rid, link] : links_) {
    if (link.stage == Stage::kActive && link.connection) ++collector->missing;
  }
  if (collector->missing == 0) return collector->done({});
  for (auto& [rid, link] : links_) {
    if (link.stage != Stage::kActive || !link.connection) continue;
    RouteSnapshot route;
    route.rid = rid;
    route.remote_id = link.peer_id;
    route.remote_name = link.info.server_name;
    route.is_configured = peer_is_configured(link.peer_id);
    route.did_solicit = link.solicited || route.is_configured;
    route.account = link.account;
    route.pool_index = link.place;
    route.compression = identity_.compression;
    route.import_allow = link.info.import_allow;
    route.import_deny = link.info.import_deny;
    route.export_allow = link.info.export_allow;
    route.export_deny = link.info.export_deny;
    link.connection->shard().post([connection = link.connection, collector, with_subscriptions,
                                   weak = weak_from_this(), route = std::move(route)]() mutable {
      fill(route, *connection, with_subscriptions);
      auto self = weak.lock();
      if (!self) return;
      asio::post(self->control_, [collector, route = std::move(route)]() mutable {
        collector->routes.push_back(std::move(route));
        if (--collector->missing == 0) collector->done(std::move(collector->routes));
      });
    });
  }
}

}  // namespace natrix::route
