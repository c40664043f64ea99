// Cluster: the control plane of routes (wire.md 5): dials and accepts, decides which connections
// serve, keeps the register of peers, spreads gossip and client URLs, and ties the interest of the
// accounts to the connections.
//
// Lives on the control io_context; all methods but the Registrar's are called on its thread, or
// when it does not run. Held by shared_ptr; the connections it starts live on the shards.
#pragma once

#include <asio/io_context.hpp>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/options.h"
#include "broker/route/host.h"
#include "broker/route/interest.h"
#include "broker/route/peer_table.h"
#include "broker/route/route_connection.h"
#include "broker/route/target.h"

namespace natrix::route {

// One subscription of a peer, for monitoring.
struct RouteSubscription {
  std::string account, subject, queue;
  int64_t weight = 1;
};

// One connection that serves, for monitoring.
struct RouteSnapshot {
  uint64_t rid = 0;
  std::string remote_id, remote_name;
  bool did_solicit = false, is_configured = false;
  std::string ip;
  int port = 0;
  std::chrono::system_clock::time_point started, last_activity;
  std::optional<std::chrono::nanoseconds> rtt;
  size_t pending_bytes = 0;
  Traffic traffic;
  size_t subscriptions = 0;
  std::string account;  // of a dedicated route
  int pool_index = -1;  // -1 for a dedicated route
  std::string compression;
  // Permissions as the peer announced them.
  std::optional<std::vector<std::string>> import_allow, import_deny, export_allow, export_deny;
  std::vector<RouteSubscription> subscription_list;
};

class Cluster final : public Registrar, public std::enable_shared_from_this<Cluster> {
 public:
  // `identity` holds what our INFO says in general: ids, version, cluster name, the host and real
  // port of the route listener, the client URLs of this server. One context per shard; they, `host`
  // and the io_context outlive the cluster.
  Cluster(asio::io_context& control, const config::Options& options, protocol::Info identity,
          std::vector<ShardContext*> shards, Host& host);
  ~Cluster() override;

  // Begins to listen to the accounts' interest and to dial. After the client port is open.
  void start();
  // A socket that the route listener accepted; non-blocking, owned by the callee.
  void accept(int fd);
  // Other routes are dialled or dropped; other changes close all routes, to be made anew.
  void reload(const config::Options& options);
  // Where clients reach this server; peers are told.
  void set_client_urls(std::vector<std::string> urls);
  // Tells the peers that clients should go elsewhere. Routes stay.
  void lame_duck();
  // Closes all routes and stops dialling. No call to the host comes after it.
  void stop();

  // Connections that serve, and servers behind them.
  [[nodiscard]] size_t route_count() const;
  [[nodiscard]] size_t peer_count() const { return table_->size(); }
  [[nodiscard]] const std::string& name() const { return identity_.cluster; }
  // Asks the shards; `done` is called on the control thread.
  void snapshot(bool with_subscriptions, std::function<void(std::vector<RouteSnapshot>)> done);

  // Registrar, on any shard.
  void introduced(std::shared_ptr<RouteConnection> connection, protocol::Connect connect,
                  protocol::Info info) override;
  void info_received(uint64_t rid, protocol::Info info) override;
  void confirmed(uint64_t rid) override;
  void name_refused(uint64_t rid) override;
  void closed(uint64_t rid, io::CloseReason reason) override;

 private:
  enum class Stage { kGreeting, kWaiting, kActive };
  struct Link {
    uint64_t rid = 0;
    std::shared_ptr<RouteConnection> connection;  // once its shard has made it
    Stage stage = Stage::kGreeting;
    bool solicited = false;
    std::shared_ptr<Target> target;  // whom we dialled
    std::string account;             // dedicated to it
    std::string peer_id;             // once placed
    int place = -1;
    bool pooled = true;
    uint64_t waits_for = 0;  // the connection whose place it takes
    protocol::Info info;     // the peer's
    std::shared_ptr<Outbox> outbox;
  };
  struct PeerRecord {
    std::string name;
    std::vector<std::string> client_urls;
    protocol::Info info;
  };

  template <class F>
  void on_control(F&& f);
  template <class F>
  void on_shard(const Link& link, F&& f);

  // cluster.cc
  void apply(const config::Options& options);
  void make_interest();
  void open_link(int fd, const std::shared_ptr<Target>& target, const std::string& account);
  void link_opened(const std::shared_ptr<RouteConnection>& connection);
  void close_link(Link& link, io::CloseReason reason);
  void close_all(io::CloseReason reason);
  std::string our_info(const Link& link) const;
  std::string our_connect(const Target& target) const;
  [[nodiscard]] std::string tls_name_of(const Target& target) const;
  void find_tls_name();

  // cluster_links.cc
  void consider(Link& link, const protocol::Connect& connect);
  bool is_ourselves(Link& link);
  bool names_agree(Link& link, const protocol::Connect& connect);
  bool adopt_cluster_name(const std::string& name, bool dynamic, const std::string& peer_id);
  void place(Link& link);
  void activate(Link& link);
  void attach_interest(Link& link);
  void link_closed(uint64_t rid);
  void forget(const Link& link);

  // cluster_gossip.cc
  void peer_joined(Link& link);
  void gossip(const Link& link);
  [[nodiscard]] int gossip_mode(const Link& about, const Link& to) const;
  void updated_by_peer(Link& link, protocol::Info info);
  void learn_server(const protocol::Info& info);
  [[nodiscard]] bool is_configured(const protocol::Info& info) const;
  [[nodiscard]] bool peer_is_configured(const std::string& peer_id) const;
  void broadcast_info(bool lame_duck);
  void report_client_urls();

  // cluster_targets.cc
  void add_target(const config::Url& url);
  void change_routes(const std::vector<config::Url>& routes);
  void pursue(const std::shared_ptr<Target>& target);
  void dial(const std::shared_ptr<Target>& target, const std::string& account);
  void dialled(const std::shared_ptr<Target>& target, const std::string& account,
               Result<int> result);
  void attempt_failed(const std::shared_ptr<Target>& target, std::string_view why);
  void lane_closed(const Link& link);
  void schedule(const std::shared_ptr<Target>& target, std::chrono::steady_clock::duration pause);
  void drop_target(const std::shared_ptr<Target>& target);

  asio::io_context& control_;
  Host& host_;
  const std::vector<ShardContext*> shards_;
  protocol::Info identity_;
  const int port_;  // of the route listener
  config::Options options_;
  std::shared_ptr<const Settings> settings_;
  std::unique_ptr<PeerTable> table_;
  std::set<std::string> own_addresses_;
  std::map<std::string, std::unique_ptr<AccountInterest>> interest_;  // by account name
  std::map<uint64_t, Link> links_;
  std::map<std::string, PeerRecord> peers_;
  std::vector<std::shared_ptr<Target>> targets_;
  size_t next_shard_ = 0;
  // Gossip tells addresses, certificates hold names: that of a configured route stands in.
  std::string tls_name_;
  bool stopped_ = false;
  bool renewing_ = false;  // after a reload: until the old connections are gone
};

}  // namespace natrix::route
