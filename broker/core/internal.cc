#include "broker/core/internal.h"

#include <cstring>

namespace natrix::core {

Delivery InternalSubscription::deliver(subject::Subscription&, const Message& message,
                                       std::span<const std::string_view>) {
  if (closed_) return Delivery::kRefused;
  return inbox_.take(*this, message);
}

void CloseSubscription::operator()(InternalSubscription* subscription) const {
  InternalInbox& inbox = subscription->inbox_;
  subscription->closed_ = true;
  subscription->sub_->closed = true;
  subscription->account_.index().remove(subscription->sub_);
  inbox.drop(*subscription);
  io::Shard& shard = inbox.router_.shard();
  shard.retire(subscription->sub_, &subject::Subscription::destroy);
  shard.retire(subscription, &InternalInbox::destroy);
}

void InternalInbox::destroy(void* subscription) {
  delete static_cast<InternalSubscription*>(subscription);
}

InternalHandle InternalInbox::subscribe(account::Account& account, std::string_view pattern,
                                        std::string_view queue,
                                        InternalSubscription::Handler handler) {
  auto* fresh = new InternalSubscription(*this, account, std::move(handler));
  auto shard = static_cast<uint16_t>(router_.shard().id());
  fresh->sub_ = subject::Subscription::create(fresh, shard, subject::Origin::kLocal, "");
  account.index().insert(fresh->sub_, pattern, queue);
  return InternalHandle(fresh);
}

Delivery InternalInbox::take(InternalSubscription& subscription, const Message& message) {
  router_.at_turn_end(*this);
  incoming_.items.push_back({&subscription, message});
  std::vector<io::BytesRef>& blocks = incoming_.blocks;
  if (message.block != nullptr) {
    if (blocks.empty() || blocks.back().get() != message.block) {
      blocks.push_back(io::BytesRef::share(message.block));
    }
  } else {
    Message& kept = incoming_.items.back().message;
    blocks.push_back(own_bytes(kept));
  }
  return congested_ ? Delivery::kCongested : Delivery::kTaken;
}

// What is in the inbox may be handled in a later turn, when the subscription has been freed.
void InternalInbox::drop(const InternalSubscription& subscription) {
  for (Batch* batch : {&incoming_, &handling_}) {
    for (Item& item : batch->items) {
      if (item.subscription == &subscription) item.subscription = nullptr;
    }
  }
}

void InternalInbox::run() {
  std::swap(incoming_, handling_);
  for (Item& item : handling_.items) {
    if (item.subscription != nullptr) item.subscription->handler_(item.message);
  }
  handling_.clear();
}

}  // namespace natrix::core
