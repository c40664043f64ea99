// SUB and UNSUB.
#include <fmt/format.h>

#include <charconv>

#include "broker/client/client.h"
#include "broker/protocol/scan.h"
#include "broker/subject/tokens.h"

namespace natrix::client {

using subject::Subscription;

namespace {
// Reserved for the server's own distribution (wire.md 1.2).
constexpr std::string_view kSystemQueue = "_sys_";
}  // namespace

void Client::handle_sub(std::string_view args) {
  std::string_view parts[3];
  size_t count = protocol::split_args(args, parts, 3);
  if (count != 2 && count != 3) return violation(fmt::format("SUB: bad arguments '{}'", args));
  std::string_view queue = count == 3 ? parts[1] : std::string_view{};
  subscribe(parts[0], queue, parts[count - 1]);
}

void Client::subscribe(std::string_view subject, std::string_view queue, std::string_view sid) {
  if (!subject::is_valid_pattern(subject)) return error("Invalid Subject");
  std::string with_queue = queue.empty() ? "" : fmt::format(" using queue \"{}\"", queue);
  bool allowed = queue != kSystemQueue;
  if (allowed && permissions_) allowed = permissions_->rules().may_subscribe(subject, queue);
  if (!allowed) {
    context_.log.error("{} - Subscription Violation - User \"{}\", Subject \"{}\"{}", label(),
                       user_, subject, with_queue);
    return error(
        fmt::format("Permissions Violation for Subscription to \"{}\"{}", subject, with_queue));
  }
  if (settings_->max_subscription_tokens != 0 &&
      subject::token_count(subject) > settings_->max_subscription_tokens) {
    return error(
        fmt::format("Permissions Violation for Subscription to \"{}\", too many tokens", subject));
  }
  if (settings_->max_subscriptions != 0 && subscriptions_.size() >= settings_->max_subscriptions &&
      !subscriptions_.contains(sid)) {
    return error("maximum subscriptions exceeded");
  }
  if (!subscriptions_.contains(sid)) {
    auto* sub = Subscription::create(this, static_cast<uint16_t>(shard().id()),
                                     subject::Origin::kLocal, sid);
    if (permissions_) sub->filtered = permissions_->rules().needs_filter(subject, queue);
    subscriptions_.insert(sub);
    account_->index().insert(sub, subject, queue);
  }
  ok();
}

void Client::handle_unsub(std::string_view args) {
  std::string_view parts[2];
  size_t count = protocol::split_args(args, parts, 2);
  uint64_t max = 0;
  bool bad = count != 1 && count != 2;
  if (count == 2) {
    auto [end, code] = std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), max);
    bad = code != std::errc() || end != parts[1].data() + parts[1].size();
  }
  if (bad) return violation(fmt::format("UNSUB: bad arguments '{}'", args));
  if (Subscription* sub = subscriptions_.find(parts[0])) {
    sub->max = max;
    if (max == 0 || sub->delivered >= max) remove_subscription(sub);
  }
  ok();
}

void Client::remove_subscription(Subscription* sub) {
  sub->closed = true;
  subscriptions_.erase(sub);
  account_->index().remove(sub);
  shard().retire(sub, &Subscription::destroy);
}

void Client::remove_all_subscriptions() {
  for (Subscription* sub : subscriptions_) {
    sub->closed = true;
    account_->index().remove(sub);
    shard().retire(sub, &Subscription::destroy);
  }
  subscriptions_.clear();
}

}  // namespace natrix::client
