// Priority groups: overflow, pinned client, prioritized (wire.md 11.3; ADR-42).
#include <fmt/format.h>

#include <algorithm>

#include "broker/crypto/server_id.h"
#include "broker/jetstream/consumer/consumer.h"
#include "broker/jetstream/model/codec.h"

namespace natrix::jetstream::consumer {

using model::PriorityPolicy;

namespace {
constexpr size_t kPinIdSize = 22;
}  // namespace

bool Consumer::refuse_group(std::string_view reply, const model::PullRequest& request) {
  if (request.plain) return false;
  PriorityPolicy policy = config_.priority_policy;
  const auto& groups = config_.priority_groups;
  std::string_view status;
  if ((request.min_pending != 0 || request.min_ack_pending != 0) &&
      policy != PriorityPolicy::kOverflow) {
    status = "400 Bad Request - Not a Overflow Priority consumer";
  } else if (!request.pin_id.empty() && policy != PriorityPolicy::kPinnedClient) {
    status = "400 Bad Request - Not a Pinned Client Priority consumer";
  } else if (request.priority < 0 || request.priority >= Pull::kLowestPriority) {
    status = "400 Bad Request - Priority must be between 0 and 9";
  } else if (policy == PriorityPolicy::kNone) {
    return false;
  } else if (request.group.empty()) {
    status = "400 Bad Request - Priority Group missing";
  } else if (std::find(groups.begin(), groups.end(), request.group) == groups.end()) {
    status = "400 Bad Request - Invalid Priority Group";
  } else if (pin_id_.empty() || request.pin_id.empty()) {
    return false;
  } else if (request.pin_id == pin_id_) {
    renew_pin();
    return false;
  } else {
    status = "423 Nats-Pin-Id mismatch";
  }
  send_status(reply, status);
  return true;
}

Consumer::Turn Consumer::turn_of(Pull& pull, uint64_t pending_after) {
  if (config_.priority_policy == PriorityPolicy::kPinnedClient) return turn_of_pinned(pull);
  if (config_.priority_policy != PriorityPolicy::kOverflow) return Turn::kServe;
  if (pull.min_pending <= 0 && pull.min_ack_pending <= 0) return Turn::kServe;
  auto reached = [](int64_t least, uint64_t there) {
    return least > 0 && static_cast<uint64_t>(least) <= there;
  };
  bool serve = reached(pull.min_pending, pending_after + 1) ||
               reached(pull.min_ack_pending, store_->state().pending_count());
  return serve ? Turn::kServe : Turn::kPassOver;
}

Consumer::Turn Consumer::turn_of_pinned(Pull& pull) {
  if (pull.pin_id == pin_id_) {
    if (pin_id_.empty()) pin(pull);
    return Turn::kServe;
  }
  if (pull.pin_id.empty()) return Turn::kPassOver;
  send_pull_status(pull, "423 Nats-Wrong-Pin-Id");
  return Turn::kDrop;
}

void Consumer::pin(Pull& pull) {
  if (pull.group.empty()) return;
  pin_id_ = random_token(kPinIdSize);
  pull.pin_id = pin_id_;
  pinned_at_ = {environment_.now()};
  renew_pin();
  advise_pin("PINNED", "consumer_group_pinned", "pinned_id", pin_id_);
}

void Consumer::unpin() {
  pin_id_.clear();
  pinned_at_ = {};
  if (pin_alarm_) pin_alarm_->clear();
}

void Consumer::renew_pin() {
  arm(pin_alarm_, &Consumer::on_pin_timeout, config_.priority_timeout);
}

void Consumer::on_pin_timeout() {
  if (pin_id_.empty()) return;
  unpin();
  advise_pin("UNPINNED", "consumer_group_unpinned", "reason", "timeout");
  wake();
}

bool Consumer::unpin_by_request(std::string_view group) {
  const auto& groups = config_.priority_groups;
  if (std::find(groups.begin(), groups.end(), group) == groups.end()) return false;
  unpin();
  advise_pin("UNPINNED", "consumer_group_unpinned", "reason", "admin");
  wake();
  return true;
}

// Only the first group is in use.
void Consumer::advise_pin(std::string_view what, std::string_view type, std::string_view field,
                          std::string_view value) {
  const std::string& stream = stream_.config().name;
  host_.advise(fmt::format("$JS.EVENT.ADVISORY.CONSUMER.{}.{}.{}", what, stream, name()),
               fmt::format("io.nats.jetstream.advisory.v1.{}", type),
               fmt::format(R"("stream":{},"consumer":{},"group":{},"{}":{})", model::quoted(stream),
                           model::quoted(name()), model::quoted(config_.priority_groups.front()),
                           field, model::quoted(value)));
}

}  // namespace natrix::jetstream::consumer
