// Router: takes a published message to its receivers. One per shard, used in that shard's turns.
//
// Receivers on the same shard are called at once; those of other shards get the message in one
// batch per turn (see HandOver). A batch keeps the bytes alive by reference; nothing is copied.
//
// Parts of the server itself must not publish from within a delivery: they put a TurnTask on the
// list of work that is done when everything read in the turn has been routed (internal.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/account/account.h"
#include "broker/core/message.h"
#include "broker/core/plan.h"
#include "broker/core/receiver.h"
#include "broker/core/turn_task.h"
#include "broker/io/shard.h"

namespace natrix::core {

class Router;
class HandOver;

// Who publishes, and what that excludes.
struct Publisher {
  const Receiver* self = nullptr;
  bool echo = true;  // false: not back to self
  // A message that came over a route goes to local clients only, and to no other queue groups than
  // those its origin chose.
  bool from_route = false;
  std::span<const std::string_view> queues;
};

struct Published {
  uint32_t deliveries = 0;
  bool congested = false;   // some receiver or shard falls behind: slow down
  bool backlogged = false;  // some shard does
};

// Finds the router of another shard; all of a server's routers share one.
struct RouterMesh {
  std::vector<io::Shard*> shards;
  std::vector<Router*> routers;
};

class Router final : public io::TurnHook {
 public:
  Router(io::Shard& shard, RouterMesh& mesh);
  ~Router() override;

  Published publish(const Publisher& publisher, const Message& message);
  // Receivers are those of `target`, but see the message's own subject: how messages of a stream
  // reach the inbox or deliver subject of a consumer.
  Published publish_to(std::string_view target, const Publisher& publisher, const Message& message);
  // Runs the task once at the end of this turn; in a turn only.
  void at_turn_end(TurnTask& task);
  // Takes the task off the list.
  void forget(TurnTask& task);
  // Gives the message to some local member of the group; for a member that was gone on arrival.
  bool publish_to_group(const Message& message, std::string_view group);
  // Sends what was collected for other shards.
  void end_turn() override;

  io::Shard& shard() { return shard_; }
  PlanCache& plans() { return plans_; }

 private:
  // Rounds of tasks that cause tasks before the loop of the shard gets its turn again.
  static constexpr unsigned kMaxRounds = 32;
  static constexpr size_t kMaxBacklog = 64;  // batches waiting on one shard before publishers wait

  // Payloads of this size on get a block of their own when they have several receivers.
  static constexpr uint32_t kOwnBlockFrom = 4 * 1024;

  static Message in_own_block(const Message& message, io::BytesRef& own);
  Published route(const Plan& plan, const Publisher& publisher, const Message& message);
  void give(subject::Subscription& sub, const Message& message,
            std::span<const std::string_view> queues, Published& result);
  void hand_over(subject::Subscription& sub, const Message& message,
                 std::span<const std::string_view> queues, Published& result);
  bool pick_local(const QueuePlan& queue, const Publisher& publisher, const Message& message,
                  Published& result);
  void to_queues(const Plan& plan, const Publisher& publisher, const Message& message,
                 Published& result);
  void pick_remote(const QueuePlan& queue, uint32_t at);
  void reroute(const Plan& plan, const QueuePlan& queue, const Publisher& publisher);
  void to_routes(const Plan& plan, const Publisher& publisher, const Message& message,
                 Published& result);
  uint32_t random(uint32_t below);

  io::Shard& shard_;
  RouterMesh& mesh_;
  PlanCache plans_;
  void run_tasks();

  std::vector<TurnTask*> tasks_, running_;
  bool tasks_posted_ = false;
  std::vector<std::unique_ptr<HandOver>> outgoing_;  // per shard
  bool any_outgoing_ = false;
  size_t last_batch_size_ = 1;
  uint64_t random_state_;
  uint64_t serial_ = 0;  // of the message being routed
  // Queue groups chosen for each route, while one message is routed.
  struct RouteChoice {
    subject::Subscription* sub;
    std::vector<std::string_view> queues;
  };
  std::vector<RouteChoice> choices_;
  size_t choice_count_ = 0;
  RouteChoice& choice(subject::Subscription* sub);
};

// Moves a message that nobody keeps alive (it has no block) into a block of its own.
io::BytesRef own_bytes(Message& message);

// The messages of one turn for one other shard.
class HandOver final : public io::Mail {
 public:
  // `expected` receivers: room for about as many as last time.
  HandOver(Router& target, size_t expected) : target_(target) {
    messages_.reserve(expected);
    items_.reserve(expected);
  }

  // `serial` tells messages apart: one with many receivers is stored once.
  void add(subject::Subscription& sub, const Message& message, uint64_t serial,
           std::span<const std::string_view> queues);
  void open(io::Shard& shard) override;
  [[nodiscard]] size_t size() const { return items_.size(); }
  // So little that the sender had better deliver it itself than wake another shard.
  [[nodiscard]] bool small() const { return items_.size() <= kSmall && bytes_ <= kSmallBytes; }

 private:
  static constexpr size_t kSmall = 8;
  static constexpr size_t kSmallBytes = 8 * 1024;
  struct Item {
    subject::Subscription* sub;
    uint32_t message;
    uint32_t queue_names;  // index + 1 into names_, 0: none
  };
  void keep_alive(Message& message);

  Router& target_;
  std::vector<Message> messages_;
  std::vector<Item> items_;
  std::vector<io::BytesRef> blocks_;
  std::vector<std::vector<std::string>> names_;
  size_t bytes_ = 0;
  uint64_t last_serial_ = 0;
};

}  // namespace natrix::core
