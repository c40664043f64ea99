// ShardHost: what JetStream keeps on one shard: inbox, timers, an environment for each account, and
// the watch that tells push consumers when interest comes and goes. On its shard only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "broker/core/internal.h"
#include "broker/io/timer_queue.h"
#include "broker/jetstream/environment/shard_environment.h"
#include "broker/storage/types.h"

namespace natrix::jetstream::api {

// Wants to know when interest in its account has changed.
class InterestWatcher {
 public:
  virtual ~InterestWatcher() = default;
  virtual void interest_changed() = 0;
};

class ShardHost final : public storage::Executor {
 public:
  explicit ShardHost(core::Router& router);

  // Any thread.
  [[nodiscard]] unsigned id() const { return shard_.id(); }
  // Runs the task on the shard, in a turn: at once if it is the caller's, else in order.
  void run(std::function<void()> task);
  void post(std::function<void()> task) override;

  ShardEnvironment& environment(account::Account& account);
  core::InternalInbox& inbox() { return inbox_; }
  void watch(InterestWatcher& watcher, account::Account& account);
  void unwatch(InterestWatcher& watcher);

 private:
  void look();

  io::Shard& shard_;
  core::InternalInbox inbox_;
  io::TimerQueue timers_;
  io::Timer look_timer_;
  std::map<account::Account*, std::unique_ptr<ShardEnvironment>> environments_;
  std::map<InterestWatcher*, account::Account*> watchers_;
  std::map<account::Account*, uint64_t> generations_;
};

}  // namespace natrix::jetstream::api
