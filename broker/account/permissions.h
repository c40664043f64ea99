// What a user may publish and subscribe to (wire.md 4), ready for checking.
//
// CompiledPermissions is immutable and shared by all connections of a user. UserPermissions is one
// connection's view of it: results cached (bounded), reply subjects opened by allow_responses
// (bounded); used on the connection's shard only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/config/options.h"

namespace natrix::account {

class CompiledPermissions {
 public:
  explicit CompiledPermissions(const config::Permissions& permissions);

  // `subject` is literal.
  [[nodiscard]] bool may_publish(std::string_view subject) const;
  // `pattern` may hold wildcards; an empty queue is a plain subscription. Where an allow entry with
  // a queue covers the pattern, only the queues named so may subscribe, whatever plain entries say.
  [[nodiscard]] bool may_subscribe(std::string_view pattern, std::string_view queue) const;
  // Whether some messages that the pattern would get are denied: deliveries need a check each.
  [[nodiscard]] bool needs_filter(std::string_view pattern, std::string_view queue) const;
  [[nodiscard]] bool delivery_denied(std::string_view subject, std::string_view queue) const;
  [[nodiscard]] const std::optional<config::ResponsePermission>& responses() const {
    return responses_;
  }

 private:
  struct Rule {
    std::string subject;
    std::string queue;  // pattern; only for "subject queue" entries
  };
  static std::vector<Rule> compile(const std::vector<std::string>& entries);
  // Whether a deny entry concerns this queue (empty: a plain subscription) at all.
  static bool denies_queue(const Rule& rule, std::string_view queue);

  std::vector<std::string> publish_allow_, publish_deny_;
  std::vector<Rule> subscribe_allow_, subscribe_deny_;
  bool only_replies_;  // may be published
  std::optional<config::ResponsePermission> responses_;
};

class UserPermissions {
 public:
  explicit UserPermissions(std::shared_ptr<const CompiledPermissions> compiled)
      : compiled_(std::move(compiled)) {}

  using Clock = std::chrono::steady_clock;

  [[nodiscard]] const CompiledPermissions& rules() const { return *compiled_; }
  bool may_publish(std::string_view subject);
  // A message with this reply subject was delivered: the user may answer it.
  void opened_reply(std::string_view reply);

 private:
  static constexpr size_t kMaxCached = 128;
  static constexpr size_t kMaxReplies = 4096;
  struct Reply {
    Clock::time_point expires;
    int64_t left;
  };
  void make_room_for_replies();

  std::shared_ptr<const CompiledPermissions> compiled_;
  std::unordered_map<std::string, bool> cache_;
  std::unordered_map<std::string, Reply> replies_;
};

}  // namespace natrix::account
