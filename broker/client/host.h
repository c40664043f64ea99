// What a client connection needs from the server around it, declared here and implemented by
// server/: clients know nothing of listeners, clusters or monitoring.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "broker/account/authenticator.h"
#include "broker/base/log.h"
#include "broker/core/router.h"
#include "broker/io/close_reason.h"
#include "broker/protocol/client_parser.h"
#include "broker/protocol/info.h"
#include "broker/tls/context.h"

namespace natrix::client {

class Client;

// The limits and timers of clients. Immutable; a reload hands out a new one.
struct Settings {
  protocol::ParserLimits parser;
  size_t max_pending_bytes = 64 << 20;
  std::chrono::nanoseconds write_deadline = std::chrono::seconds(10);
  size_t max_subscriptions = 0;        // 0: unlimited
  size_t max_subscription_tokens = 0;  // 0: unlimited
  std::chrono::nanoseconds ping_interval = std::chrono::minutes(2);
  int ping_max = 2;
  std::chrono::nanoseconds auth_timeout = std::chrono::seconds(2);
  bool headers = true;
  bool stall_fast_producers = true;
  size_t max_traced_message = 0;            // 0: whole
  std::shared_ptr<const tls::Context> tls;  // null: connections in clear
  bool allow_non_tls = false;
  int64_t max_connections = 0;    // of the whole server; more are refused
  size_t max_closed_clients = 0;  // remembered for monitoring, by each shard
};

// Plain counters of one shard; read there or by asking it.
struct Traffic {
  int64_t in_msgs = 0, out_msgs = 0, in_bytes = 0, out_bytes = 0;
};

struct ShardCounters {
  Traffic clients;
  int64_t slow_consumers = 0;
  int64_t stale_connections = 0;
  int64_t stalls = 0;
};

class Host {
 public:
  virtual ~Host() = default;
  // Any shard's thread.
  virtual std::shared_ptr<const Settings> client_settings() = 0;
  virtual std::shared_ptr<const account::Authenticator> authenticator() = 0;
  // INFO as every client gets it; the client adds what concerns itself.
  virtual std::shared_ptr<const protocol::Info> client_info() = 0;
  // Runs `work` on a thread that may block. False: too much is waiting already.
  virtual bool run_blocking(std::function<void()> work) = 0;
  // A TLS handshake may begin: there have not been too many in this second.
  virtual bool admit_handshake() = 0;
  // The client has left; on its shard. The registry lets go of it.
  virtual void client_closed(Client& client, io::CloseReason reason) = 0;
  virtual Logger& log() = 0;
};

// What the clients of one shard share.
struct ShardContext {
  core::Router& router;
  Host& host;
  ShardCounters& counters;
  Logger& log;  // the host's, without a virtual call for each message
};

}  // namespace natrix::client
