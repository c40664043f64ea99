// Target: a server that is to be dialled, and how that is going. Configured targets are pursued for
// ever, those learnt by gossip as long as `connect_retries` allows. Used on the control thread.
#pragma once

#include <asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "broker/config/options.h"
#include "broker/route/dial.h"

namespace natrix::route {

struct Target {
  // One connection being made at a time: for the pool (account empty) or for a dedicated account.
  struct Lane {
    std::shared_ptr<Dial> dial;  // null: done, see `rid`
    uint64_t rid = 0;            // the connection that has not been confirmed yet
    [[nodiscard]] bool busy() const { return dial != nullptr || rid != 0; }
  };

  Target(asio::io_context& context, config::Url where, bool from_configuration)
      : url(std::move(where)), configured(from_configuration), timer(context) {}

  config::Url url;
  const bool configured;
  int gossip_mode = 0;
  std::string peer_id;  // who answered there last
  bool is_self = false;
  bool removed = false;
  bool was_connected = false;
  int attempts = 0;  // failures in a row
  std::chrono::steady_clock::duration
      pause{};                        // before the next attempt; grows with connect_backoff
  std::map<std::string, Lane> lanes;  // by account
  asio::steady_timer timer;
  bool timer_armed = false;
};

}  // namespace natrix::route
