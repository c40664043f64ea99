// Server: one broker in one process: wires shards, accounts, listeners, cluster and monitoring.
//
// Made, started and stopped by one thread (main/ or an embedding application); shutdown() blocks
// until nothing runs any more. The methods below are safe from that thread only, except where said.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "broker/account/account.h"
#include "broker/account/authenticator.h"
#include "broker/base/log.h"
#include "broker/base/published.h"
#include "broker/client/host.h"
#include "broker/config/options.h"
#include "broker/monitor/monitor_server.h"
#include "broker/server/cluster_service.h"
#include "broker/server/listener.h"
#include "broker/server/monitor_source.h"
#include "broker/server/shard_state.h"
#include "broker/tls/handshake_rate.h"

namespace natrix::jetstream::api {
class JetStream;
}

namespace natrix::server {

class Server final : public client::Host {
 public:
  // `listen` false: no TCP listener for clients; an embedding application connects in process.
  Server(config::Options options, Logger& log, bool listen = true);
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Opens all ports and serves. On error nothing runs and nothing is open.
  Result<void> start();
  // Takes over what may change while running; the caller has checked the plan.
  void reload(config::Options options);
  // Stops accepting and closes clients bit by bit (wire.md 23.2); `done` on the control thread.
  void lame_duck(std::function<void()> done);
  void shutdown();

  // A connected socket whose other end is served like a client's connection. Any thread.
  Result<int> connect_in_process();

  [[nodiscard]] int client_port() const { return client_port_; }
  [[nodiscard]] int monitor_port() const { return monitor_port_; }
  [[nodiscard]] int cluster_port() const { return cluster_ ? cluster_->port() : 0; }
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const config::Options& options() const { return options_; }

  // client::Host
  std::shared_ptr<const client::Settings> client_settings() override { return settings_.load(); }
  std::shared_ptr<const account::Authenticator> authenticator() override {
    return authenticator_.load();
  }
  std::shared_ptr<const protocol::Info> client_info() override { return info_.load(); }
  bool run_blocking(std::function<void()> work) override;
  void client_closed(client::Client& client, io::CloseReason reason) override;
  bool admit_handshake() override;
  Logger& log() override { return log_; }

 private:
  void log_banner();
  // Runs `f` on the control thread and waits for it. Not from that thread.
  void on_control(const std::function<void()>& f);
  void apply(config::Options options);
  void start_shards();
  Result<void> start_jetstream();
  Result<void> open_ports();
  Result<void> open_monitor();
  Result<void> open_cluster();
  void start_cluster();
  void route_page(bool subscriptions, monitor::Source::Done<monitor::RoutePage> done);
  // Where clients find this server.
  [[nodiscard]] std::vector<std::string> own_client_urls() const;
  monitor::ServerInfo describe() const;
  std::optional<monitor::JetStreamInfo> describe_jetstream() const;
  std::optional<monitor::JetStreamPage> jetstream_page(const monitor::JetStreamQuery& query) const;
  // What /healthz asks of JetStream, after the check of the listeners.
  void check_jetstream(const monitor::HealthQuery& query, monitor::Health& health) const;
  monitor::Health health(const monitor::HealthQuery& query) const;
  void publish_settings();
  void publish_info();
  void accept_client(int fd, bool in_process = false);
  void serve_client(int fd, uint64_t cid, bool refuse, bool in_process);
  void log_tls() const;
  void report_refused_handshakes();
  void for_each_client(const std::function<void(client::Client&)>& f);
  void close_clients();
  void enforce_max_connections();
  void lame_duck_close(size_t left, std::chrono::nanoseconds pause, std::function<void()> done);
  // Runs `f` on every shard and returns when all are done. Not from a shard.
  void on_all_shards(const std::function<void(ShardState&)>& f);

  config::Options options_;  // the control thread's while it runs; shards have settings_
  Logger& log_;
  const bool listen_;
  const std::string id_;
  const std::chrono::system_clock::time_point started_;
  EpochDomain epochs_;
  account::Accounts accounts_;
  core::RouterMesh mesh_;
  std::vector<std::unique_ptr<ShardState>> shards_;
  Published<client::Settings> settings_;
  Published<account::Authenticator> authenticator_;
  Published<protocol::Info> info_;

  // The control thread: listeners, timers, cluster and monitoring; no messages.
  asio::io_context control_;
  asio::executor_work_guard<asio::io_context::executor_type> control_work_;
  std::thread control_thread_;
  std::unique_ptr<Listener> client_listener_;
  asio::steady_timer lame_duck_timer_;
  asio::steady_timer handshake_report_;
  tls::HandshakeRate handshake_rate_;
  std::unique_ptr<ClusterService> cluster_;               // null: no cluster
  std::unique_ptr<jetstream::api::JetStream> jetstream_;  // null: not enabled
  std::unique_ptr<MonitorSource> monitor_source_;
  std::unique_ptr<monitor::MonitorServer> monitor_;
  int client_port_ = 0;
  int monitor_port_ = 0;
  std::chrono::system_clock::time_point config_loaded_;

  asio::thread_pool workers_{1};
  std::atomic<int> blocked_work_{0};
  std::atomic<uint64_t> next_cid_{1};
  std::atomic<int64_t> connections_{0};
  std::atomic<uint64_t> total_connections_{0};
  std::atomic<unsigned> next_shard_{0};
  std::atomic<bool> leaving_{false};  // lame duck
  std::atomic<bool> running_{false};
};

}  // namespace natrix::server
