// How Cluster passes work between its thread and the shards; only for cluster*.cc.
#pragma once

#include <asio/post.hpp>
#include <utility>

#include "broker/route/cluster.h"

namespace natrix::route {

// Runs f(*this) on the control thread, unless the cluster has stopped by then.
template <class F>
void Cluster::on_control(F&& f) {
  asio::post(control_, [weak = weak_from_this(), f = std::forward<F>(f)]() mutable {
    auto self = weak.lock();
    if (self && !self->stopped_) f(*self);
  });
}

// Runs f(connection) in a turn of the link's shard, if it has been made.
template <class F>
void Cluster::on_shard(const Link& link, F&& f) {
  if (!link.connection) return;
  link.connection->shard().post([connection = link.connection, f = std::forward<F>(f)]() mutable {
    io::Turn turn(connection->shard());
    f(*connection);
  });
}

}  // namespace natrix::route
