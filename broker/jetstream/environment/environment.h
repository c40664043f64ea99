// Environment: what a stream and its consumers need from the world: time, timers, subjects of their
// account. One per account and shard; everything that belongs to a stream uses it on the stream's
// shard, in turns. Streams know nothing else of the server, so that they can be tested (and later
// simulated) without one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "broker/core/message.h"
#include "broker/core/turn_task.h"

namespace natrix::jetstream {

struct Outgoing {
  std::string_view to;       // who gets it
  std::string_view subject;  // what they see; empty: `to`
  std::string_view reply;
  std::string_view headers;  // the whole block or nothing
  std::string_view payload;
};

// A subscription; it ends when this goes.
class Listening {
 public:
  virtual ~Listening() = default;
};

// A one-shot timer.
class Alarm {
 public:
  virtual ~Alarm() = default;
  // Fires `nanos` from now, at once if that is not positive; replaces what was set.
  virtual void set(int64_t nanos) = 0;
  virtual void clear() = 0;
  [[nodiscard]] virtual bool is_set() const = 0;
};

class Environment {
 public:
  // The message is valid during the call.
  using Handler = std::function<void(const core::Message&)>;

  virtual ~Environment() = default;

  // Nanoseconds since 1970; the time messages are stored with.
  virtual int64_t now() = 0;
  // The same clock as alarms: never set back.
  virtual int64_t steady_now() = 0;
  virtual std::unique_ptr<Alarm> alarm(std::function<void()> on_due) = 0;

  struct Sent {
    uint32_t receivers = 0;
    bool congested = false;  // some receiver falls behind: pause
  };
  virtual Sent publish(const Outgoing& message) = 0;
  // Whether anybody listens; with a queue group: whether the group has members.
  virtual bool has_interest(std::string_view subject, std::string_view queue) = 0;
  // A number that moves whenever somebody in the account begins or ends to listen.
  virtual uint64_t interest_generation() = 0;
  virtual std::unique_ptr<Listening> listen(std::string_view pattern, std::string_view queue,
                                            Handler handler) = 0;

  // Work for the end of the turn, once however often it is asked for.
  virtual void at_turn_end(core::TurnTask& task) = 0;
  virtual void forget(core::TurnTask& task) = 0;
};

}  // namespace natrix::jetstream
