#include "broker/server/monitor_source.h"

#include <map>
#include <mutex>

#include "broker/monitor/select.h"

namespace natrix::server {

namespace {

void add(monitor::Traffic& sum, const client::Traffic& part) {
  sum.in_msgs += part.in_msgs;
  sum.out_msgs += part.out_msgs;
  sum.in_bytes += part.in_bytes;
  sum.out_bytes += part.out_bytes;
}

monitor::ConnectionInfo describe(const client::Client& client, bool subscriptions,
                                 bool certificates) {
  monitor::ConnectionInfo info;
  info.cid = client.cid();
  info.kind = "Client";
  info.type = "nats";
  info.ip = client.remote().ip;
  info.port = client.remote().port;
  info.start = client.started();
  info.last_activity = client.last_activity();
  info.rtt = client.rtt();
  info.pending_bytes = static_cast<int64_t>(client.pending_bytes());
  info.traffic = to_monitor(client.traffic());
  info.stalls = client.stalls();
  info.subscriptions = static_cast<uint32_t>(client.subscriptions().size());
  info.name = client.options().name;
  info.lang = client.options().lang;
  info.version = client.options().version;
  if (const tls::Session* session = client.tls()) {
    info.tls_version = session->version();
    info.tls_cipher_suite = session->cipher_suite();
    info.tls_first = client.tls_first();
    if (certificates) info.tls_peer_certs = session->peer_certificates();
  }
  info.authorized_user = client.user();
  if (client.account() != nullptr) info.account = client.account()->name();
  if (subscriptions) {
    for (const subject::Subscription* sub : client.subscriptions()) {
      info.subscription_list.push_back(to_monitor(*sub, info.account, info.cid));
    }
  }
  return info;
}

monitor::ConnectionInfo describe(const ClosedClient& closed) {
  monitor::ConnectionInfo info;
  info.cid = closed.cid;
  info.kind = "Client";
  info.type = "nats";
  info.ip = closed.remote.ip;
  info.port = closed.remote.port;
  info.start = closed.started;
  info.last_activity = closed.last_activity;
  info.stop = closed.stopped;
  info.reason = io::text(closed.reason);
  info.rtt = closed.rtt;
  info.traffic = to_monitor(closed.traffic);
  info.stalls = closed.stalls;
  info.name = closed.name;
  info.lang = closed.lang;
  info.version = closed.version;
  info.tls_version = closed.tls_version;
  info.tls_cipher_suite = closed.tls_cipher_suite;
  info.authorized_user = closed.user;
  info.account = closed.account;
  return info;
}

}  // namespace

monitor::Traffic to_monitor(const client::Traffic& traffic) {
  return {traffic.in_msgs, traffic.out_msgs, traffic.in_bytes, traffic.out_bytes};
}

monitor::SubscriptionInfo to_monitor(const subject::Subscription& sub, const std::string& account,
                                     uint64_t cid) {
  monitor::SubscriptionInfo info;
  info.account = account;
  info.subject = sub.subject();
  info.queue = sub.queue();
  info.sid = sub.sid();
  info.msgs = static_cast<int64_t>(sub.delivered);
  info.max = static_cast<int64_t>(sub.max);
  info.cid = cid;
  return info;
}

void MonitorSource::server_info(Done<monitor::ServerInfo> done) {
  monitor::ServerInfo info = host_.server_info();
  std::mutex mutex;
  host_.on_all_shards([&](ShardState& state) {
    std::lock_guard lock(mutex);
    const client::ShardCounters& counters = state.counters;
    add(info.client_traffic, counters.clients);
    add(info.traffic, counters.clients);
    const route::Counters& routes = state.route_counters;
    add(info.traffic, {routes.traffic.in_msgs, routes.traffic.out_msgs, routes.traffic.in_bytes,
                       routes.traffic.out_bytes});
    info.slow_consumers += routes.slow_consumers;
    info.slow_consumer_stats.routes += static_cast<uint64_t>(routes.slow_consumers);
    info.stale_connections += routes.stale_connections;
    info.stale_connection_stats.routes += static_cast<uint64_t>(routes.stale_connections);
    info.slow_consumers += counters.slow_consumers;
    info.slow_consumer_stats.clients += static_cast<uint64_t>(counters.slow_consumers);
    info.stale_connections += counters.stale_connections;
    info.stale_connection_stats.clients += static_cast<uint64_t>(counters.stale_connections);
    info.stalled_clients += counters.stalls;
  });
  for (const account::Account* account : accounts_.all()) {
    info.subscriptions += static_cast<uint32_t>(account->index().size());
  }
  done(std::move(info));
}

void MonitorSource::connections(monitor::ConnectionQuery query,
                                Done<monitor::ConnectionPage> done) {
  std::mutex mutex;
  std::vector<monitor::ConnectionInfo> all;
  bool lists = query.subscriptions || !query.filter_subject.empty();
  host_.on_all_shards([&](ShardState& state) {
    std::vector<monitor::ConnectionInfo> part;
    if (query.state != monitor::ConnState::kClosed) {
      for (const auto& [cid, client] : state.clients) {
        part.push_back(describe(*client, lists, query.auth));
      }
    }
    if (query.state != monitor::ConnState::kOpen) {
      for (const ClosedClient& closed : state.closed) part.push_back(describe(closed));
    }
    std::lock_guard lock(mutex);
    all.insert(all.end(), std::make_move_iterator(part.begin()),
               std::make_move_iterator(part.end()));
  });
  monitor::ConnectionPage page = monitor::select_connections(std::move(all), query);
  page.server_id = host_.server_info().server_id;
  done(std::move(page));
}

void MonitorSource::routes(bool subscriptions, Done<monitor::RoutePage> done) {
  host_.routes(subscriptions, std::move(done));
}

monitor::SublistStats MonitorSource::cache_stats() {
  std::mutex mutex;
  uint64_t hits = 0;
  monitor::SublistStats stats;
  host_.on_all_shards([&](ShardState& state) {
    std::lock_guard lock(mutex);
    hits += state.router.plans().hits();
    stats.num_matches += state.router.plans().lookups();
    stats.num_cache += state.router.plans().size();
  });
  if (stats.num_matches != 0) {
    stats.cache_hit_rate = static_cast<double>(hits) / static_cast<double>(stats.num_matches);
  }
  return stats;
}

void MonitorSource::subscriptions(monitor::SubscriptionQuery query,
                                  Done<monitor::SubscriptionPage> done) {
  monitor::SubscriptionPage page;
  static_cast<monitor::SublistStats&>(page) = cache_stats();
  std::vector<monitor::SubscriptionInfo> all;
  for (const account::Account* account : accounts_.all()) {
    if (!query.account.empty() && account->name() != query.account) continue;
    subject::IndexStats stats = account->index().stats();
    page.num_subscriptions += static_cast<uint32_t>(stats.subscriptions);
    page.num_inserts += stats.inserts;
    page.num_removes += stats.removes;
  }
  if (query.list || !query.test.empty()) {
    // The owners know their ids: a subscription is described by its connection.
    std::mutex mutex;
    host_.on_all_shards([&](ShardState& state) {
      std::lock_guard lock(mutex);
      for (const auto& [cid, client] : state.clients) {
        if (client->account() == nullptr) continue;
        const std::string& name = client->account()->name();
        if (!query.account.empty() && name != query.account) continue;
        for (const subject::Subscription* sub : client->subscriptions()) {
          all.push_back(to_monitor(*sub, name, cid));
        }
      }
    });
  }
  monitor::select_subscriptions(std::move(all), query, page);
  page.server_id = host_.server_info().server_id;
  page.now = std::chrono::system_clock::now();
  done(std::move(page));
}

void MonitorSource::accounts(Done<monitor::AccountPage> done) {
  monitor::ServerInfo server = host_.server_info();
  monitor::AccountPage page;
  page.server_id = server.server_id;
  page.system_account = server.system_account;
  page.now = std::chrono::system_clock::now();
  std::mutex mutex;
  std::map<std::string, monitor::Traffic> traffic;
  host_.on_all_shards([&](ShardState& state) {
    std::lock_guard lock(mutex);
    for (const auto& [cid, client] : state.clients) {
      if (client->account() != nullptr) {
        add(traffic[client->account()->name()], client->traffic());
      }
    }
    for (const auto& [name, gone] : state.departed_traffic) add(traffic[name], gone);
  });
  for (const account::Account* account : accounts_.all()) {
    monitor::AccountInfo info;
    info.name = account->name();
    info.is_system = account->name() == server.system_account;
    info.updated = server.start;
    info.client_connections = account->connections.load();
    subject::IndexStats stats = account->index().stats();
    info.subscriptions.num_subscriptions = static_cast<uint32_t>(stats.subscriptions);
    info.subscriptions.num_inserts = stats.inserts;
    info.subscriptions.num_removes = stats.removes;
    info.traffic = traffic[account->name()];
    info.slow_consumers = account->slow_consumers.load();
    page.accounts.push_back(std::move(info));
  }
  done(std::move(page));
}

void MonitorSource::jetstream(monitor::JetStreamQuery query,
                              Done<std::optional<monitor::JetStreamPage>> done) {
  done(host_.jetstream(query));
}

void MonitorSource::health(monitor::HealthQuery query, Done<monitor::Health> done) {
  done(host_.health(query));
}

}  // namespace natrix::server
