// A server for the monitor to look at: answers with what the test puts into it.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "broker/monitor/select.h"
#include "broker/monitor/source.h"

namespace natrix::monitor {

inline Time at_seconds(int64_t seconds) {
  return Time(std::chrono::seconds(seconds));
}

class FakeSource : public Source {
 public:
  // How an answer reaches the monitor: at once unless the test says otherwise.
  std::function<void(std::function<void()>)> deliver = [](const std::function<void()>& answer) {
    answer();
  };

  ServerInfo info;
  std::vector<ConnectionInfo> open, closed;
  RoutePage route_page;
  SublistStats sublist;
  std::vector<SubscriptionInfo> subs;
  AccountPage account_page;
  std::optional<JetStreamPage> jetstream_page;
  Health health_now;

  ConnectionQuery last_connection_query;
  SubscriptionQuery last_subscription_query;
  JetStreamQuery last_jetstream_query;
  HealthQuery last_health_query;
  bool last_route_subscriptions = false;

  void server_info(Done<ServerInfo> done) override {
    deliver([this, done] { done(info); });
  }
  void connections(ConnectionQuery query, Done<ConnectionPage> done) override {
    last_connection_query = query;
    deliver([this, query, done] {
      std::vector<ConnectionInfo> all;
      if (query.state != ConnState::kClosed) all = open;
      if (query.state != ConnState::kOpen) all.insert(all.end(), closed.begin(), closed.end());
      ConnectionPage page = select_connections(std::move(all), query);
      page.server_id = info.server_id;
      done(std::move(page));
    });
  }
  void routes(bool subscriptions, Done<RoutePage> done) override {
    last_route_subscriptions = subscriptions;
    deliver([this, done] { done(route_page); });
  }
  void subscriptions(SubscriptionQuery query, Done<SubscriptionPage> done) override {
    last_subscription_query = query;
    deliver([this, query, done] {
      SubscriptionPage page;
      static_cast<SublistStats&>(page) = sublist;
      page.server_id = info.server_id;
      page.now = std::chrono::system_clock::now();
      page.offset = query.offset;
      page.limit = query.limit;
      if (query.list) select_subscriptions(subs, query, page);
      done(std::move(page));
    });
  }
  void accounts(Done<AccountPage> done) override {
    deliver([this, done] { done(account_page); });
  }
  void jetstream(JetStreamQuery query, Done<std::optional<JetStreamPage>> done) override {
    last_jetstream_query = query;
    deliver([this, done] { done(jetstream_page); });
  }
  void health(HealthQuery query, Done<Health> done) override {
    last_health_query = query;
    deliver([this, done] { done(health_now); });
  }
};

inline ConnectionInfo sample_connection(uint64_t cid) {
  ConnectionInfo info;
  info.cid = cid;
  info.kind = "Client";
  info.type = "nats";
  info.ip = "127.0.0.1";
  info.port = 40000 + static_cast<int>(cid);
  info.start = at_seconds(1'700'000'000);
  info.last_activity = at_seconds(1'700'000'100);
  info.account = "$G";
  return info;
}

// Everything that can be left out is there.
inline ConnectionInfo full_connection(uint64_t cid) {
  ConnectionInfo info = sample_connection(cid);
  info.stop = at_seconds(1'700'093'784);
  info.reason = "Client Closed";
  info.rtt = std::chrono::nanoseconds(216'789);
  info.pending_bytes = 1;
  info.traffic = {1, 2, 3, 4};
  info.stalls = 5;
  info.subscriptions = 1;
  info.name = "n";
  info.lang = "go";
  info.version = "1.2";
  info.authorized_user = "u";
  info.account = "A";
  info.mqtt_client = "m";
  info.subscription_list = {{.account = "A",
                             .subject = "foo.>",
                             .queue = "q",
                             .sid = "7",
                             .msgs = 8,
                             .max = 9,
                             .cid = cid}};
  return info;
}

// A server in a cluster, with something in every field.
inline ServerInfo sample_server() {
  ServerInfo info;
  info.server_id = "NABC";
  info.server_name = "alpha";
  info.version = "2.14.0";
  info.git_commit = "abc1234";
  info.toolchain = "gcc";
  info.impl = "natrix-broker";
  info.impl_version = "0.1.0";
  info.host = "0.0.0.0";
  info.port = 4222;
  info.auth_required = true;
  info.connect_urls = {"10.0.0.1:4222"};
  info.max_connections = 65536;
  info.max_subscriptions = 10;
  info.ping_interval = std::chrono::minutes(2);
  info.ping_max = 2;
  info.http_host = "0.0.0.0";
  info.http_port = 8222;
  info.auth_timeout = 2;
  info.max_control_line = 4096;
  info.max_payload = 1 << 20;
  info.max_pending = 64 << 20;
  info.write_deadline = std::chrono::seconds(10);
  info.cluster = {.name = "east",
                  .addr = "0.0.0.0",
                  .port = 6222,
                  .auth_timeout = 2.5,
                  .urls = {"10.0.0.2:6222"},
                  .pool_size = 3,
                  .write_deadline = std::chrono::seconds(1)};
  info.start = at_seconds(1'700'000'000);
  info.config_load_time = at_seconds(1'700'000'001);
  info.config_digest = "sha256:00";
  info.shards = 2;
  info.connections = 3;
  info.total_connections = 4;
  info.traffic = {11, 12, 13, 14};
  info.client_traffic = {21, 22, 23, 24};
  info.slow_consumers = 5;
  info.slow_consumer_stats.clients = 5;
  info.subscriptions = 6;
  info.tags = {"az:1"};
  info.metadata = {{"rack", "7"}};
  info.system_account = "$SYS";
  return info;
}

inline RouteInfo sample_route() {
  RouteInfo route;
  route.rid = 5;
  route.remote_id = "NDEF";
  route.remote_name = "beta";
  route.did_solicit = true;
  route.ip = "10.0.0.2";
  route.port = 6222;
  route.start = at_seconds(1'700'000'000);
  route.last_activity = at_seconds(1'700'000'060);
  return route;
}

}  // namespace natrix::monitor
