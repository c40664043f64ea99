// RS+, RS-, LS+ and LS-: what the peer's subscribers want, kept as subscriptions of this route.
#include <fmt/format.h>

#include "broker/route/route_connection.h"
#include "broker/subject/tokens.h"

namespace natrix::route {

using protocol::RouteInterest;
using protocol::RouteVerb;
using subject::Subscription;

namespace {

// A bound for what one connection of a peer may make us keep.
constexpr size_t kMaxSubscriptions = size_t{16} << 20;

// Subscriptions withdrawn in one go when a route is lost; the shard's other work comes in between.
constexpr size_t kWithdrawAtOnce = 16 * 1024;

// The interest of a lost route that is still in the indexes. It keeps the route alive: messages may
// be under way to it.
struct Leftovers {
  struct Item {
    account::Account* account;
    Subscription* sub;
  };
  std::shared_ptr<io::Connection> route;
  std::vector<Item> items;
};

void withdraw(io::Shard& shard, std::shared_ptr<Leftovers> left) {
  io::Turn turn(shard);
  for (size_t i = 0; i < kWithdrawAtOnce && !left->items.empty(); ++i) {
    Leftovers::Item last = left->items.back();
    left->items.pop_back();
    last.account->index().remove(last.sub);
    shard.retire(last.sub, &Subscription::destroy);
  }
  if (left->items.empty()) {
    shard.retire(new std::shared_ptr<io::Connection>(std::move(left->route)));
  } else {
    shard.post([&shard, left = std::move(left)] { withdraw(shard, left); });
  }
}

}  // namespace

InterestSet& RouteConnection::subscriptions_of(account::Account& account) {
  for (AccountSubscriptions& one : interest_) {
    if (one.account == &account) return one.subscriptions;
  }
  return interest_.emplace_back(AccountSubscriptions{&account, {}}).subscriptions;
}

void RouteConnection::handle_interest(const protocol::RouteOperation& operation) {
  bool adds = operation.verb == RouteVerb::kSub || operation.verb == RouteVerb::kLeafSub;
  bool leaf = operation.verb == RouteVerb::kLeafSub || operation.verb == RouteVerb::kLeafUnsub;
  protocol::RouteInterestForm form;
  form.adds = adds;
  form.account_in_line = parser_.account_in_line;
  form.origin_in_line = leaf && (adds || origin_in_unsub_);
  RouteInterest interest;
  if (!protocol::parse_route_interest(operation.args, form, interest)) {
    return violation(fmt::format("malformed interest '{}'", operation.args));
  }
  account::Account* account =
      dedicated_ != nullptr ? dedicated_ : context_.host.accounts().find(interest.account);
  if (account == nullptr) {
    context_.host.log().debug("{} - Unknown account \"{}\" for remote subject \"{}\"", label_,
                              interest.account, interest.subject);
  } else if (adds) {
    add_interest(*account, interest);
  } else {
    remove_interest(*account, interest);
  }
  if (peer_verbose_) write("+OK\r\n");
}

void RouteConnection::add_interest(account::Account& account, const RouteInterest& interest) {
  bool sound = subject::is_valid_pattern(interest.subject) && interest.origin.size() <= UINT16_MAX;
  if (!sound) {
    context_.host.log().error("{} - Could not insert subscription on \"{}\"", label_,
                              interest.subject);
    return write("-ERR 'Invalid Subscription'\r\n");
  }
  // `export` of the permissions: what peers may have from here.
  const account::CompiledPermissions* permissions = settings_->permissions.get();
  if (permissions != nullptr && !permissions->may_subscribe(interest.subject, {})) {
    context_.host.log().debug("{} - Can not export \"{}\", ignoring remote subscription request",
                              label_, interest.subject);
    return;
  }
  InterestSet& known = subscriptions_of(account);
  auto found = known.find(InterestKey{interest.subject, interest.queue, interest.origin});
  if (found != known.end()) {
    (*found)->weight.store(interest.weight, std::memory_order_relaxed);
    return;
  }
  if (subscription_count_ >= kMaxSubscriptions) {
    context_.host.log().error("{} - the peer has more than {} subscriptions", label_,
                              kMaxSubscriptions);
    return fail("maximum subscriptions exceeded", io::CloseReason::kMaxSubscriptionsExceeded);
  }
  auto* sub = Subscription::create(this, static_cast<uint16_t>(shard().id()),
                                   subject::Origin::kRoute, interest.origin);
  sub->weight.store(interest.weight, std::memory_order_relaxed);
  sub->filtered = permissions != nullptr && permissions->needs_filter(interest.subject, {});
  account.index().insert(sub, interest.subject, interest.queue);
  known.insert(sub);
  ++subscription_count_;
}

void RouteConnection::remove_interest(account::Account& account, const RouteInterest& interest) {
  InterestSet& known = subscriptions_of(account);
  auto found = known.find(InterestKey{interest.subject, interest.queue, interest.origin});
  if (found == known.end()) return;
  Subscription* sub = *found;
  known.erase(found);
  --subscription_count_;
  sub->closed = true;
  account.index().remove(sub);
  shard().retire(sub, &Subscription::destroy);
}

void RouteConnection::remove_all_interest() {
  if (subscription_count_ == 0) return;
  auto left = std::make_shared<Leftovers>();
  left->route = shared_from_this();
  left->items.reserve(subscription_count_);
  for (AccountSubscriptions& one : interest_) {
    for (Subscription* sub : one.subscriptions) {
      sub->closed = true;
      left->items.push_back({one.account, sub});
    }
  }
  interest_.clear();
  subscription_count_ = 0;
  withdraw(shard(), std::move(left));
}

void RouteConnection::send_interest() {
  if (!open() || !outbox_) return;
  std::string lines = outbox_->take();
  if (outbox_->overflowed()) {
    context_.host.log().error("{} - interest changes faster than it can be told", label_);
    return close(io::CloseReason::kSlowConsumerPendingBytes);
  }
  if (context_.host.log().trace_enabled()) {
    std::string_view rest = lines;
    while (!rest.empty()) {
      size_t end = rest.find("\r\n");
      context_.host.log().trace("{} - ->> [{}]", label_, rest.substr(0, end));
      rest.remove_prefix(end + 2);
    }
  }
  std::string_view rest = lines;
  while (!rest.empty() && open()) {
    std::string_view piece = rest.substr(0, io::BufferPool::kWriteChunk);
    write(piece);
    rest.remove_prefix(piece.size());
  }
}

}  // namespace natrix::route
