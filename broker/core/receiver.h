// Receiver: whatever subscriptions belong to: a client, a route, a module of the server itself.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "broker/core/message.h"
#include "broker/subject/subscription.h"

namespace natrix::core {

enum class Delivery : uint8_t {
  kTaken,
  kCongested,  // taken, but the receiver falls behind: the publisher should slow down
  kRefused,    // closed or over its maximum; somebody else may have the message
};

class Receiver {
 public:
  virtual ~Receiver() = default;
  // On the receiver's shard. `queues` names the queue groups a route is to serve; empty for others.
  // The message is valid during the call only.
  virtual Delivery deliver(subject::Subscription& sub, const Message& message,
                           std::span<const std::string_view> queues) = 0;
};

}  // namespace natrix::core
