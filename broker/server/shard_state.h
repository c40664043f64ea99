// ShardState: a shard with what the server keeps on it: its router, its clients, its counters and
// the record of clients that left. Everything but construction is on the shard's thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "broker/client/client.h"
#include "broker/client/host.h"
#include "broker/core/router.h"
#include "broker/io/shard.h"
#include "broker/route/host.h"

namespace natrix::server {

// A client that has left, as /connz?state=closed shows it.
struct ClosedClient {
  uint64_t cid;
  io::Endpoint remote;
  std::chrono::system_clock::time_point started, stopped, last_activity;
  io::CloseReason reason;
  client::Traffic traffic;
  int64_t stalls;
  std::optional<std::chrono::nanoseconds> rtt;
  std::string name, lang, version, user, account;
  std::string tls_version, tls_cipher_suite;
};

class ShardState {
 public:
  ShardState(unsigned id, EpochDomain& epochs, core::RouterMesh& mesh, client::Host& host)
      : shard(id, epochs), router(shard, mesh), context{router, host, counters, host.log()} {}

  void add(std::shared_ptr<client::Client> client) {
    clients.emplace(client->cid(), std::move(client));
  }
  // Forgets the client; it stays alive until no message can be under way to it.
  void remove(client::Client& client, io::CloseReason reason, size_t max_closed);

  io::Shard shard;
  core::Router router;
  client::ShardCounters counters;
  client::ShardContext context;
  route::Counters route_counters;
  std::unordered_map<uint64_t, std::shared_ptr<client::Client>> clients;
  std::deque<ClosedClient> closed;
  std::map<std::string, client::Traffic, std::less<>> departed_traffic;  // by account
};

}  // namespace natrix::server
