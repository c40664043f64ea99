// What the monitoring pages show of this server: asks every shard and puts the answers together.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "broker/monitor/source.h"
#include "broker/server/shard_state.h"

namespace natrix::server {

// What only the server itself knows; filled when asked.
struct MonitorHost {
  // Runs `f` on every shard in a turn and returns when all are done.
  std::function<void(const std::function<void(ShardState&)>&)> on_all_shards;
  // Everything of /varz that is not counted on shards.
  std::function<monitor::ServerInfo()> server_info;
  std::function<void(bool subscriptions, monitor::Source::Done<monitor::RoutePage>)> routes;
  std::function<std::optional<monitor::JetStreamPage>(const monitor::JetStreamQuery&)> jetstream;
  std::function<monitor::Health(const monitor::HealthQuery&)> health;
};

// Used on the control thread, where all answers but routes() are given before the call returns.
class MonitorSource final : public monitor::Source {
 public:
  MonitorSource(MonitorHost host, const account::Accounts& accounts)
      : host_(std::move(host)), accounts_(accounts) {}

  void server_info(Done<monitor::ServerInfo> done) override;
  void connections(monitor::ConnectionQuery query, Done<monitor::ConnectionPage> done) override;
  void routes(bool subscriptions, Done<monitor::RoutePage> done) override;
  void subscriptions(monitor::SubscriptionQuery query,
                     Done<monitor::SubscriptionPage> done) override;
  void accounts(Done<monitor::AccountPage> done) override;
  void jetstream(monitor::JetStreamQuery query,
                 Done<std::optional<monitor::JetStreamPage>> done) override;
  void health(monitor::HealthQuery query, Done<monitor::Health> done) override;

 private:
  monitor::SublistStats cache_stats();

  MonitorHost host_;
  const account::Accounts& accounts_;
};

monitor::Traffic to_monitor(const client::Traffic& traffic);
monitor::SubscriptionInfo to_monitor(const subject::Subscription& sub, const std::string& account,
                                     uint64_t cid);

}  // namespace natrix::server
