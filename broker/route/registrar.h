// Registrar: who decides about routes. Route connections report to it; implemented by Cluster.
#pragma once

#include <cstdint>
#include <memory>

#include "broker/io/close_reason.h"
#include "broker/protocol/info.h"

namespace natrix::route {

class RouteConnection;

// Called on the connection's shard; implementations only pass the news on to their own thread, in
// the order in which they came.
class Registrar {
 public:
  virtual ~Registrar() = default;
  // The peer has introduced itself. The connection reads nothing more until it is activated or
  // refused. `connect` is empty on a connection that was dialled from here.
  virtual void introduced(std::shared_ptr<RouteConnection> connection, protocol::Connect connect,
                          protocol::Info info) = 0;
  // Any later INFO of the peer: about itself, or gossip about another server.
  virtual void info_received(uint64_t rid, protocol::Info info) = 0;
  // The first PONG after activation: the peer has accepted who we are.
  virtual void confirmed(uint64_t rid) = 0;
  // The certificate of a dialled peer is not for the name it was expected to have.
  virtual void name_refused(uint64_t rid) = 0;
  virtual void closed(uint64_t rid, io::CloseReason reason) = 0;
};

}  // namespace natrix::route
