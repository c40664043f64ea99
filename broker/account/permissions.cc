#include "broker/account/permissions.h"

#include <algorithm>

#include "broker/subject/tokens.h"

namespace natrix::account {

using subject::covers;
using subject::matches;
using subject::overlaps;

namespace {

bool queue_matches(std::string_view pattern, std::string_view queue) {
  return queue == pattern || covers(pattern, queue);
}

}  // namespace

CompiledPermissions::CompiledPermissions(const config::Permissions& permissions)
    : publish_allow_(permissions.publish.allow),
      publish_deny_(permissions.publish.deny),
      subscribe_allow_(compile(permissions.subscribe.allow)),
      subscribe_deny_(compile(permissions.subscribe.deny)),
      only_replies_(permissions.allow_responses && permissions.publish.allow.empty()),
      responses_(permissions.allow_responses) {}

std::vector<CompiledPermissions::Rule> CompiledPermissions::compile(
    const std::vector<std::string>& entries) {
  std::vector<Rule> rules;
  for (const std::string& entry : entries) {
    size_t space = entry.find_first_of(" \t");
    if (space == std::string::npos) {
      rules.push_back({entry, {}});
    } else {
      size_t queue = entry.find_first_not_of(" \t", space);
      rules.push_back({entry.substr(0, space), entry.substr(queue)});
    }
  }
  return rules;
}

bool CompiledPermissions::may_publish(std::string_view subject) const {
  if (only_replies_) return false;
  auto hit = [&](const std::string& pattern) { return matches(pattern, subject); };
  if (!publish_allow_.empty() && std::none_of(publish_allow_.begin(), publish_allow_.end(), hit)) {
    return false;
  }
  return std::none_of(publish_deny_.begin(), publish_deny_.end(), hit);
}

bool CompiledPermissions::denies_queue(const Rule& rule, std::string_view queue) {
  return rule.queue.empty() || (!queue.empty() && queue_matches(rule.queue, queue));
}

bool CompiledPermissions::may_subscribe(std::string_view pattern, std::string_view queue) const {
  if (!subscribe_allow_.empty()) {
    bool plain = false, queues_named = false, queue_allowed = false;
    for (const Rule& rule : subscribe_allow_) {
      if (!covers(rule.subject, pattern)) continue;
      if (rule.queue.empty()) {
        plain = true;
      } else if (!queue.empty()) {
        queues_named = true;
        queue_allowed |= queue_matches(rule.queue, queue);
      }
    }
    if (queues_named ? !queue_allowed : !plain) return false;
  }
  // Wildcards of the pattern are compared as tokens, as nats-server does: `>` is refused where `*`
  // is denied. What else the two have in common is filtered when it is delivered.
  return std::none_of(subscribe_deny_.begin(), subscribe_deny_.end(), [&](auto& rule) {
    return denies_queue(rule, queue) && matches(rule.subject, pattern);
  });
}

bool CompiledPermissions::needs_filter(std::string_view pattern, std::string_view queue) const {
  return std::any_of(subscribe_deny_.begin(), subscribe_deny_.end(), [&](auto& rule) {
    return denies_queue(rule, queue) && overlaps(rule.subject, pattern);
  });
}

bool CompiledPermissions::delivery_denied(std::string_view subject, std::string_view queue) const {
  return std::any_of(subscribe_deny_.begin(), subscribe_deny_.end(), [&](auto& rule) {
    return denies_queue(rule, queue) && matches(rule.subject, subject);
  });
}

bool UserPermissions::may_publish(std::string_view subject) {
  std::string key(subject);
  auto found = cache_.find(key);
  bool allowed = false;
  if (found != cache_.end()) {
    allowed = found->second;
  } else {
    allowed = compiled_->may_publish(subject);
    if (cache_.size() >= kMaxCached) cache_.clear();
    cache_.emplace(key, allowed);
  }
  if (allowed || !compiled_->responses()) return allowed;

  auto reply = replies_.find(key);
  if (reply == replies_.end()) return false;
  if (Clock::now() > reply->second.expires) {
    replies_.erase(reply);
    return false;
  }
  if (reply->second.left > 0 && --reply->second.left == 0) replies_.erase(reply);
  return true;
}

void UserPermissions::opened_reply(std::string_view reply) {
  const auto& responses = compiled_->responses();
  if (!responses || reply.empty()) return;
  if (replies_.size() >= kMaxReplies) make_room_for_replies();
  auto expires =
      responses->expires.count() <= 0
          ? Clock::time_point::max()
          : Clock::now() + std::chrono::duration_cast<Clock::duration>(responses->expires);
  replies_[std::string(reply)] = {expires, responses->max_msgs};
}

// Room for more: what has expired goes, and if all are live, the quarter that expires soonest.
void UserPermissions::make_room_for_replies() {
  auto now = Clock::now();
  std::erase_if(replies_, [&](const auto& item) { return now > item.second.expires; });
  if (replies_.size() < kMaxReplies) return;
  std::vector<Clock::time_point> times;
  times.reserve(replies_.size());
  for (const auto& [reply, state] : replies_) times.push_back(state.expires);
  size_t quarter = times.size() / 4;
  std::nth_element(times.begin(), times.begin() + static_cast<ptrdiff_t>(quarter), times.end());
  size_t left = quarter;
  std::erase_if(replies_, [&](const auto& item) {
    return left > 0 && item.second.expires <= times[quarter] && left-- > 0;
  });
}

}  // namespace natrix::account
