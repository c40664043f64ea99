// ClusterService: the routes of a server: listener, control plane, and what they need of the
// server. Made when the configuration has a cluster. Used on the control thread, but open() before
// it runs.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/config/options.h"
#include "broker/monitor/source.h"
#include "broker/protocol/info.h"
#include "broker/route/cluster.h"
#include "broker/server/listener.h"
#include "broker/server/shard_state.h"

namespace natrix::server {

// The server, as far as routes need it.
struct ClusterNeeds {
  asio::io_context& control;
  Logger& log;
  const account::Accounts& accounts;
  std::function<uint64_t()> next_connection_id;
  std::function<bool(std::function<void()>)> run_blocking;
  // Clients must be told: other URLs, or another cluster name.
  std::function<void()> changed;
};

class ClusterService final : public route::Host {
 public:
  explicit ClusterService(ClusterNeeds needs) : needs_(std::move(needs)) {}

  // Binds the route port.
  Result<void> open(const config::Options& options);
  // Accepts and dials. `info` is what clients are told of this server, `own_urls` where they find
  // it.
  void start(const config::Options& options, const protocol::Info& info,
             std::vector<std::string> own_urls,
             const std::vector<std::unique_ptr<ShardState>>& shards);
  void reload(const config::Options& options, std::vector<std::string> own_urls);
  void lame_duck();
  void stop();

  [[nodiscard]] int port() const { return listener_ ? listener_->port() : 0; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool name_is_made_up() const { return dynamic_; }
  // What clients are told: this server first, unless it is leaving; nothing before there are peers.
  [[nodiscard]] std::vector<std::string> client_urls() const;

  void describe(monitor::ServerInfo& info, const config::Options& options) const;
  void routes(bool subscriptions, std::function<void(std::vector<monitor::RouteInfo>)> done);

  // route::Host
  Logger& log() override { return needs_.log; }
  const account::Accounts& accounts() override { return needs_.accounts; }
  uint64_t next_connection_id() override { return needs_.next_connection_id(); }
  bool run_blocking(std::function<void()> work) override {
    return needs_.run_blocking(std::move(work));
  }
  void peer_client_urls_changed(std::vector<std::string> urls) override;
  void cluster_name_changed(const std::string& name) override;

 private:
  ClusterNeeds needs_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<route::ShardContext>> contexts_;
  std::shared_ptr<route::Cluster> cluster_;
  std::string name_;
  bool dynamic_ = false;
  bool no_advertise_ = false;
  bool had_peers_ = false;
  bool leaving_ = false;
  std::vector<std::string> own_urls_, peer_urls_;
};

// "host:port" of every address clients can use for a listener; `advertise` instead if not empty.
std::vector<std::string> client_urls_of(const std::string& host, int port,
                                        const std::string& advertise);

}  // namespace natrix::server
