// What routes need from the server around them, declared here and implemented by server/: routes
// know nothing of listeners, clients or monitoring.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/account/account.h"
#include "broker/account/permissions.h"
#include "broker/base/log.h"
#include "broker/config/options.h"
#include "broker/core/router.h"
#include "broker/protocol/route_parser.h"
#include "broker/tls/context.h"

namespace natrix::route {

// Limits, timers and credentials of route connections. Immutable; a reload hands out a new one.
struct Settings {
  protocol::RouteParserLimits parser;
  size_t max_pending_bytes = 256 << 20;
  std::chrono::nanoseconds write_deadline = std::chrono::seconds(10);
  std::chrono::nanoseconds ping_interval = std::chrono::seconds(30);
  int ping_max = 2;
  std::chrono::nanoseconds handshake_timeout = std::chrono::seconds(2);
  std::string user;  // what an accepted route must present; empty: nothing
  std::string password;
  std::shared_ptr<const tls::Context> tls;  // null: routes in clear
  std::vector<std::string> known_hosts;     // of the configured routes, for check_known_urls
  std::shared_ptr<const account::CompiledPermissions> permissions;  // import, export; null: all
  bool headers = true;
  bool stall_fast_producers = true;
  size_t max_traced_message = 0;  // 0: whole

  static std::shared_ptr<const Settings> from(const config::Options& options);
};

struct Traffic {
  int64_t in_msgs = 0, out_msgs = 0, in_bytes = 0, out_bytes = 0;
};

// Plain counters of one shard; read there or by asking it.
struct Counters {
  Traffic traffic;
  int64_t slow_consumers = 0;
  int64_t stale_connections = 0;
};

class Host {
 public:
  virtual ~Host() = default;
  // Any thread.
  virtual Logger& log() = 0;
  virtual const account::Accounts& accounts() = 0;
  // Clients and routes share one sequence of connection ids.
  virtual uint64_t next_connection_id() = 0;
  // Runs `work` on a thread that may block. False: too much is waiting already.
  virtual bool run_blocking(std::function<void()> work) = 0;

  // The control thread. Where clients may reach the other servers of the cluster; empty when that
  // is not to be advertised.
  virtual void peer_client_urls_changed(std::vector<std::string> urls) = 0;
  // A name that was made up yields to that of a peer (wire.md 5).
  virtual void cluster_name_changed(const std::string& name) = 0;
};

// What the routes of one shard share; outlives them.
struct ShardContext {
  core::Router& router;
  Host& host;
  Counters& counters;
};

}  // namespace natrix::route
