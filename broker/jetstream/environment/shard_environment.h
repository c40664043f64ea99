// The real Environment: an account on a shard of the running server.
#pragma once

#include <string>

#include "broker/core/internal.h"
#include "broker/io/timer_queue.h"
#include "broker/jetstream/environment/environment.h"

namespace natrix::jetstream {

class ShardEnvironment final : public Environment {
 public:
  // All three must outlive it.
  ShardEnvironment(core::InternalInbox& inbox, io::TimerQueue& timers, account::Account& account)
      : inbox_(inbox), timers_(timers), account_(account) {}

  int64_t now() override;
  int64_t steady_now() override;
  std::unique_ptr<Alarm> alarm(std::function<void()> on_due) override;
  Sent publish(const Outgoing& message) override;
  bool has_interest(std::string_view subject, std::string_view queue) override;
  uint64_t interest_generation() override;
  std::unique_ptr<Listening> listen(std::string_view pattern, std::string_view queue,
                                    Handler handler) override;
  void at_turn_end(core::TurnTask& task) override { inbox_.router().at_turn_end(task); }
  void forget(core::TurnTask& task) override { inbox_.router().forget(task); }

 private:
  // Room for a message in a block that receivers may refer to.
  char* reserve(size_t bytes);

  core::InternalInbox& inbox_;
  io::TimerQueue& timers_;
  account::Account& account_;
  io::BytesRef block_;
  size_t used_ = 0;
};

}  // namespace natrix::jetstream
