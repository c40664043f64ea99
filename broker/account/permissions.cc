#include "broker/account/permissions.h"

#include <algorithm>

#include "broker/subject/tokens.h"

namespace natrix::account {

using subject::covers;
using subject::matches;
using subject::overlaps;

CompiledPermissions::CompiledPermissions(const config::Permissions& permissions)
    : publish_allow_(permissions.publish.allow),
      publish_deny_(permissions.publish.deny),
      subscribe_allow_(compile(permissions.subscribe.allow)),
      subscribe_deny_(compile(permissions.subscribe.deny)),
      responses_(permissions.allow_responses) {
  // allow_responses alone means: nothing but replies may be published.
  if (responses_ && publish_allow_.empty() && publish_deny_.empty()) publish_deny_.push_back(">");
}

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
  auto hit = [&](const std::string& pattern) { return matches(pattern, subject); };
  if (!publish_allow_.empty() && std::none_of(publish_allow_.begin(), publish_allow_.end(), hit)) {
    return false;
  }
  return std::none_of(publish_deny_.begin(), publish_deny_.end(), hit);
}

bool CompiledPermissions::queue_rule_covers(const Rule& rule, std::string_view pattern,
                                            std::string_view queue) {
  return covers(rule.subject, pattern) && (queue == rule.queue || covers(rule.queue, queue));
}

bool CompiledPermissions::may_subscribe(std::string_view pattern, std::string_view queue) const {
  if (!subscribe_allow_.empty()) {
    bool allowed = std::any_of(subscribe_allow_.begin(), subscribe_allow_.end(), [&](auto& rule) {
      if (rule.queue.empty()) return covers(rule.subject, pattern);
      return !queue.empty() && queue_rule_covers(rule, pattern, queue);
    });
    if (!allowed) return false;
  }
  return std::none_of(subscribe_deny_.begin(), subscribe_deny_.end(), [&](auto& rule) {
    if (rule.queue.empty()) return covers(rule.subject, pattern);
    return !queue.empty() && queue_rule_covers(rule, pattern, queue);
  });
}

bool CompiledPermissions::needs_filter(std::string_view pattern) const {
  return std::any_of(subscribe_deny_.begin(), subscribe_deny_.end(), [&](auto& rule) {
    return rule.queue.empty() && overlaps(rule.subject, pattern);
  });
}

bool CompiledPermissions::delivery_denied(std::string_view subject) const {
  return std::any_of(subscribe_deny_.begin(), subscribe_deny_.end(), [&](auto& rule) {
    return rule.queue.empty() && matches(rule.subject, subject);
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
  if (replies_.size() >= kMaxReplies) forget_expired_replies();
  auto expires =
      responses->expires.count() <= 0
          ? Clock::time_point::max()
          : Clock::now() + std::chrono::duration_cast<Clock::duration>(responses->expires);
  replies_[std::string(reply)] = {expires, responses->max_msgs};
}

void UserPermissions::forget_expired_replies() {
  auto now = Clock::now();
  std::erase_if(replies_, [&](const auto& item) { return now > item.second.expires; });
  // Still full of live ones: the oldest to expire make room.
  while (replies_.size() >= kMaxReplies) {
    auto oldest = std::min_element(replies_.begin(), replies_.end(), [](auto& a, auto& b) {
      return a.second.expires < b.second.expires;
    });
    replies_.erase(oldest);
  }
}

}  // namespace natrix::account
