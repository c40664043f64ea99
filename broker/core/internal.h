// What the server itself subscribes to and publishes: the API of JetStream, subjects of streams,
// acknowledgements.
//
// A message for an InternalSubscription is not handled within the delivery but put into the shard's
// InternalInbox, which empties itself at the end of the turn: a handler may publish, subscribe and
// close subscriptions, and what was read in one turn is handled in one go.
//
// One inbox per shard; everything here is used on that shard, in its turns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "broker/account/account.h"
#include "broker/core/receiver.h"
#include "broker/core/router.h"

namespace natrix::core {

class InternalInbox;
struct CloseSubscription;

class InternalSubscription final : public Receiver {
 public:
  // The message is valid during the call.
  using Handler = std::function<void(const Message&)>;

  Delivery deliver(subject::Subscription& sub, const Message& message,
                   std::span<const std::string_view> queues) override;
  [[nodiscard]] std::string_view pattern() const { return sub_->subject(); }

 private:
  friend class InternalInbox;
  friend struct CloseSubscription;
  InternalSubscription(InternalInbox& inbox, account::Account& account, Handler handler)
      : inbox_(inbox), account_(account), handler_(std::move(handler)) {}

  InternalInbox& inbox_;
  account::Account& account_;
  Handler handler_;
  subject::Subscription* sub_ = nullptr;
  bool closed_ = false;
};

struct CloseSubscription {
  void operator()(InternalSubscription* subscription) const;
};
// Closes the subscription when it goes: the handler is not called any more, not even with messages
// that are in the inbox already.
using InternalHandle = std::unique_ptr<InternalSubscription, CloseSubscription>;

class InternalInbox final : public TurnTask {
 public:
  explicit InternalInbox(Router& router) : router_(router) {}
  ~InternalInbox() override { router_.forget(*this); }

  // `pattern` is valid.
  InternalHandle subscribe(account::Account& account, std::string_view pattern,
                           std::string_view queue, InternalSubscription::Handler handler);
  void run() override;
  Router& router() { return router_; }

  // While set, publishers that reach any internal subscription are slowed down.
  void set_congested(bool congested) { congested_ = congested; }

 private:
  friend class InternalSubscription;
  friend struct CloseSubscription;
  static void destroy(void* subscription);
  Delivery take(InternalSubscription& subscription, const Message& message);
  void drop(const InternalSubscription& subscription);

  struct Item {
    InternalSubscription* subscription;  // null: closed meanwhile
    Message message;
  };
  struct Batch {
    std::vector<Item> items;
    std::vector<io::BytesRef> blocks;
    void clear() {
      items.clear();
      blocks.clear();
    }
  };
  Router& router_;
  Batch incoming_, handling_;
  bool congested_ = false;
};

}  // namespace natrix::core
