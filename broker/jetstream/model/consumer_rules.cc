#include "broker/jetstream/model/consumer_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "broker/subject/tokens.h"

namespace natrix::jetstream::model {

namespace {

using Checked = ApiResult<void>;

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMillisecond;
constexpr int64_t kAckWait = 30 * kSecond;
constexpr int64_t kMaxWaiting = 512;
constexpr int64_t kMaxAckPending = 1000;
constexpr int64_t kPinnedTtl = 120 * kSecond;
constexpr size_t kMaxGroupName = 16;
constexpr const char* kRequiredLevel = "_nats.req.level";

Checked not_negative(int64_t& value, const char* name, Mode mode) {
  if (value >= 0) return {};
  if (mode == Mode::kPedantic) {
    return refuse(Err::kPedantic, fmt::format("{} must not be negative", name));
  }
  value = 0;
  return {};
}

Checked at_least_minus_one(int64_t& value, const char* name, Mode mode) {
  if (value >= -1) return {};
  if (mode == Mode::kPedantic) {
    return refuse(Err::kPedantic, fmt::format("{} must be set to -1", name));
  }
  value = -1;
  return {};
}

Checked normalise(ConsumerConfig& c, Mode mode) {
  Checked ok = at_least_minus_one(c.max_deliver, "max_deliver", mode);
  if (c.max_deliver == 0) c.max_deliver = -1;
  if (ok) ok = not_negative(c.max_waiting, "max_waiting", mode);
  if (ok) ok = at_least_minus_one(c.max_ack_pending, "max_ack_pending", mode);
  if (ok) ok = not_negative(c.max_batch, "max_batch", mode);
  if (ok) ok = not_negative(c.max_expires, "max_expires", mode);
  if (ok) ok = not_negative(c.max_bytes, "max_bytes", mode);
  if (ok) ok = not_negative(c.heartbeat, "idle_heartbeat", mode);
  if (ok) ok = not_negative(c.inactive_threshold, "inactive_threshold", mode);
  if (ok) ok = not_negative(c.priority_timeout, "priority_timeout", mode);
  return ok;
}

Checked inherit(int64_t& value, int64_t from_stream, const char* name, Mode mode) {
  if (value != 0) return {};
  if (mode == Mode::kPedantic && from_stream > 0) {
    return refuse(Err::kPedantic,
                  fmt::format("{} must be set if it's configured in stream limits", name));
  }
  value = from_stream;
  return {};
}

Checked fill_defaults(ConsumerConfig& c, const StreamConfig& stream, const ServerLimits& limits,
                      Mode mode) {
  if (Checked ok = normalise(c, mode); !ok) return ok;
  if (!c.is_push() && c.max_waiting == 0) c.max_waiting = kMaxWaiting;
  bool waits = c.ack_policy == AckPolicy::kExplicit || c.ack_policy == AckPolicy::kAll;
  if (c.ack_wait == 0 && waits) c.ack_wait = kAckWait;
  if (!c.backoff.empty()) {
    if (mode == Mode::kPedantic && c.ack_wait != c.backoff[0]) {
      return refuse(Err::kPedantic, "first backoff value has to equal batch AckWait");
    }
    c.ack_wait = c.backoff[0];
  }
  const ConsumerLimits& inherited = stream.consumer_limits;
  Checked ok = inherit(c.max_ack_pending, inherited.max_ack_pending, "max_ack_pending", mode);
  if (ok) {
    ok = inherit(c.inactive_threshold, inherited.inactive_threshold, "inactive_threshold", mode);
  }
  if (!ok) return ok;
  if (c.max_ack_pending == 0 && c.ack_policy != AckPolicy::kNone) {
    c.max_ack_pending = kMaxAckPending;
    if (limits.max_ack_pending > 0) {
      c.max_ack_pending = std::min(c.max_ack_pending, limits.max_ack_pending);
    }
  }
  if (!c.is_push() && c.max_batch == 0 && limits.max_request_batch > 0) {
    if (mode == Mode::kPedantic) {
      return refuse(Err::kPedantic,
                    "max_request_batch must be set if it's JetStream limits are set");
    }
    c.max_batch = limits.max_request_batch;
  }
  if (c.priority_policy == PriorityPolicy::kPinnedClient && c.priority_timeout == 0) {
    c.priority_timeout = kPinnedTtl;
  }
  if (c.ack_policy == AckPolicy::kFlowControl && mode == Mode::kForgiving) {
    c.flow_control = true;
    c.heartbeat = kSecond;
  }
  return {};
}

Checked check_names(const ConsumerConfig& c) {
  if (!c.name.empty() && !is_valid_name(c.name)) {
    return refuse(Err::kStreamInvalidConfig,
                  "consumer name can not contain '.', '*', '>', '\\', '/'");
  }
  if (!c.durable.empty() && !is_valid_name(c.durable)) {
    return refuse(Err::kStreamInvalidConfig,
                  "consumer durable name can not contain '.', '*', '>', '\\', '/'");
  }
  return {};
}

Checked check_replicas(const ConsumerConfig& c, const StreamConfig& stream) {
  if (c.replicas > stream.replicas) return refuse(Err::kConsumerReplicas);
  if (c.replicas < 0) return refuse(Err::kNegativeReplicas);
  if (stream.retention != Retention::kLimits && c.replicas != 0 && c.replicas != stream.replicas) {
    return refuse(Err::kConsumerReplicasDiffer);
  }
  return {};
}

Checked check_acks(const ConsumerConfig& c) {
  if (std::any_of(c.backoff.begin(), c.backoff.end(), [](int64_t wait) { return wait < 0; })) {
    return refuse(Err::kBackoffNegative);
  }
  if (c.ack_wait < 0) return refuse(Err::kAckWaitNegative);
  if (c.ack_policy == AckPolicy::kFlowControl) {
    if (!c.is_push()) return refuse(Err::kAckFlowControlNeedsPush);
    if (!c.flow_control) return refuse(Err::kAckFlowControlNeedsFlowControl);
    if (c.heartbeat != kSecond) {
      return refuse(Err::kStreamInvalidConfig, "flow control ack policy heartbeat needs to be 1s");
    }
    if (c.max_ack_pending <= 0) return refuse(Err::kAckFlowControlNeedsMaxPending);
    if (c.ack_wait != 0 || !c.backoff.empty()) return refuse(Err::kAckFlowControlAckWait);
    if (c.max_deliver > 0) return refuse(Err::kAckFlowControlMaxDeliver);
  }
  if (!c.backoff.empty() && c.max_deliver != -1 &&
      static_cast<int64_t>(c.backoff.size()) > c.max_deliver) {
    return refuse(Err::kBackoffTooLong);
  }
  if (c.description.size() > kMaxDescription) {
    return refuse(Err::kDescriptionTooLong, std::to_string(kMaxDescription));
  }
  return {};
}

Checked check_push(const ConsumerConfig& c, const StreamConfig& stream) {
  if (subject::has_wildcard(c.deliver_subject)) return refuse(Err::kDeliverToWildcards);
  if (!subject::is_valid_pattern(c.deliver_subject)) return refuse(Err::kInvalidDeliverSubject);
  for (const std::string& subject : stream.subjects) {
    if (subject::matches(subject, c.deliver_subject)) return refuse(Err::kDeliverCycle);
  }
  if (c.max_waiting != 0) return refuse(Err::kPushMaxWaiting);
  if (c.max_ack_pending > 0 && c.ack_policy == AckPolicy::kNone) {
    return refuse(Err::kMaxPendingNeedsAck);
  }
  if (c.heartbeat > 0 && c.heartbeat < 100 * kMillisecond) return refuse(Err::kSmallHeartbeat);
  return {};
}

Checked check_pull(const ConsumerConfig& c, const StreamConfig& stream,
                   const ServerLimits& limits) {
  if (c.ack_policy == AckPolicy::kNone && stream.retention == Retention::kWorkQueue) {
    return refuse(Err::kPullRequiresAck);
  }
  if (c.rate_limit_bps > 0) return refuse(Err::kPullRateLimit);
  if (c.heartbeat > 0) return refuse(Err::kHeartbeatNeedsPush);
  if (c.flow_control) return refuse(Err::kFlowControlNeedsPush);
  if (c.max_expires != 0 && c.max_expires < kMillisecond) return refuse(Err::kMaxExpiresSmall);
  if (limits.max_request_batch > 0 && c.max_batch > limits.max_request_batch) {
    return refuse(Err::kMaxBatchExceeds, std::to_string(limits.max_request_batch));
  }
  return {};
}

Checked check_limits(const ConsumerConfig& c, const StreamConfig& stream,
                     const ServerLimits& limits) {
  for (int64_t limit : {limits.max_ack_pending, stream.consumer_limits.max_ack_pending}) {
    if (limit > 0 && c.max_ack_pending > limit) {
      return refuse(Err::kAckPendingExceeds, std::to_string(limit));
    }
  }
  int64_t threshold = stream.consumer_limits.inactive_threshold;
  if (threshold > 0 && c.inactive_threshold > threshold) {
    return refuse(Err::kInactiveThresholdExceeds, std::to_string(threshold));
  }
  if (c.direct) {
    if (!c.is_push()) return refuse(Err::kDirectNeedsPush);
    if (c.is_durable()) return refuse(Err::kDirectNeedsEphemeral);
  }
  return {};
}

Checked check_filters(const ConsumerConfig& c) {
  if (!c.filter_subject.empty() && !c.filter_subjects.empty()) {
    return refuse(Err::kDuplicateFilters);
  }
  auto has_empty = std::find(c.filter_subjects.begin(), c.filter_subjects.end(), "");
  if (has_empty != c.filter_subjects.end()) return refuse(Err::kEmptyFilter);
  std::vector<std::string> filters = c.filters();
  for (size_t i = 0; i < filters.size(); ++i) {
    if (!subject::is_valid_pattern(filters[i])) {
      return refuse(Err::kStreamInvalidConfig, "invalid subject");
    }
    for (size_t j = 0; j < filters.size(); ++j) {
      if (i != j && subject::covers(filters[j], filters[i])) {
        return refuse(Err::kOverlappingFilters);
      }
    }
  }
  return {};
}

Checked check_start(const ConsumerConfig& c) {
  struct Rule {
    DeliverPolicy policy;
    const char* name;
    bool needs_sequence, needs_time;
  };
  constexpr Rule kRules[] = {
      {DeliverPolicy::kAll, "all", false, false},
      {DeliverPolicy::kLast, "last", false, false},
      {DeliverPolicy::kLastPerSubject, "last per subject", false, false},
      {DeliverPolicy::kNew, "new", false, false},
      {DeliverPolicy::kByStartSequence, "by start sequence", true, false},
      {DeliverPolicy::kByStartTime, "by start time", false, true},
  };
  const auto& rule = *std::find_if(std::begin(kRules), std::end(kRules), [&c](const Rule& one) {
    return one.policy == c.deliver_policy;
  });
  auto policy_error = [&rule](const char* form, const char* what) {
    return refuse(Err::kInvalidPolicy, fmt::format(fmt::runtime(form), rule.name, what));
  };
  constexpr const char* kAlsoSet =
      "consumer delivery policy is deliver {}, but optional start {} is also set";
  constexpr const char* kNotSet =
      "consumer delivery policy is deliver {}, but optional {} is not set";
  if (rule.needs_sequence && c.start_seq == 0) return policy_error(kNotSet, "start sequence");
  if (rule.needs_time && !c.start_time) return policy_error(kNotSet, "start time");
  if (!rule.needs_sequence && c.start_seq > 0) {
    return policy_error(kAlsoSet, rule.needs_time ? "start sequence" : "sequence");
  }
  if (!rule.needs_time && c.start_time) return policy_error(kAlsoSet, "time");
  if (c.deliver_policy == DeliverPolicy::kLastPerSubject && c.filters().empty()) {
    return policy_error(kNotSet, "filter subject");
  }
  return {};
}

}  // namespace

bool is_valid_group(const std::string& name) {
  return !name.empty() && name.size() <= kMaxGroupName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '/' || c == '_' || c == '=' || c == '-';
         });
}

namespace {

Checked check_priority(const ConsumerConfig& c) {
  if (c.priority_policy == PriorityPolicy::kNone) {
    if (!c.priority_groups.empty()) return refuse(Err::kPriorityPolicyNone);
    if (c.priority_timeout > 0) return refuse(Err::kPinnedTtlWithoutPolicy);
    return {};
  }
  if (c.is_push()) return refuse(Err::kPriorityWithPush);
  if (c.priority_groups.empty()) return refuse(Err::kPriorityWithoutGroup);
  for (const std::string& group : c.priority_groups) {
    if (group.empty()) return refuse(Err::kEmptyGroupName);
    if (!is_valid_group(group)) return refuse(Err::kInvalidGroupName);
  }
  return {};
}

Checked check_rest(const ConsumerConfig& c) {
  if (!c.sample_frequency.empty()) {
    if (auto percent = sample_percent(c.sample_frequency); !percent) {
      return fail_with(percent.error());
    }
  }
  if (c.flow_control && c.heartbeat == 0) return refuse(Err::kFlowControlNeedsHeartbeat);
  if (!c.durable.empty() && !c.name.empty() && c.name != c.durable) {
    return refuse(Err::kDurableNameMismatch);
  }
  size_t metadata = 0;
  for (const auto& [key, value] : c.metadata) metadata += key.size() + value.size();
  if (metadata > kMaxMetadata) {
    return refuse(Err::kConsumerMetadata, fmt::format("{}KB", kMaxMetadata / 1024));
  }
  return check_priority(c);
}

// What of NATS this server cannot do yet is refused, never ignored.
Checked check_supported(const ConsumerConfig& c) {
  const std::pair<bool, const char*> absent[] = {
      {c.ack_policy == AckPolicy::kFlowControl, "ack_policy flow_control"},
      {c.direct, "direct"},
      {c.sourcing, "sourcing"},
  };
  for (const auto& [used, name] : absent) {
    if (used) {
      return refuse(Err::kConsumerCreate,
                    fmt::format("{} is not supported by this version of natrix-broker", name));
    }
  }
  return {};
}

}  // namespace

ApiResult<int> sample_percent(std::string_view text) {
  std::string_view digits = text.ends_with('%') ? text.substr(0, text.size() - 1) : text;
  int percent = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
  if (error != std::errc() || end != digits.data() + digits.size() || percent < 0) {
    return refuse(Err::kInvalidSampling, fmt::format("\"{}\" is not a percentage", text));
  }
  return percent;
}

ApiResult<ConsumerConfig> check_consumer(ConsumerConfig config, const StreamConfig& stream,
                                         const ServerLimits& limits, Mode mode) {
  Checked ok = fill_defaults(config, stream, limits, mode);
  if (ok) ok = check_names(config);
  if (ok) ok = check_replicas(config, stream);
  if (ok) ok = check_acks(config);
  if (ok) ok = config.is_push() ? check_push(config, stream) : check_pull(config, stream, limits);
  if (ok) ok = check_limits(config, stream, limits);
  if (ok) ok = check_filters(config);
  if (ok) ok = check_start(config);
  if (ok) ok = check_rest(config);
  if (ok) ok = check_supported(config);
  if (ok && std::max(config.name.size(), config.durable.size()) > kMaxName) {
    ok = refuse(Err::kConsumerNameTooLong, std::to_string(kMaxName));
  }
  if (!ok) return fail_with(ok.error());
  return config;
}

ApiResult<void> check_consumer_update(const ConsumerConfig& old, const ConsumerConfig& fresh,
                                      bool old_is_bound) {
  const std::pair<bool, const char*> frozen[] = {
      {old.deliver_policy != fresh.deliver_policy, "deliver policy can not be updated"},
      {old.memory_storage != fresh.memory_storage, "storage type can not be updated"},
      {old.direct != fresh.direct, "direct can not be updated"},
      {old.sourcing != fresh.sourcing, "sourcing can not be updated"},
      {old.start_seq != fresh.start_seq, "start sequence can not be updated"},
      {old.start_time != fresh.start_time, "start time can not be updated"},
      {old.ack_policy != fresh.ack_policy, "ack policy can not be updated"},
      {old.replay_policy != fresh.replay_policy, "replay policy can not be updated"},
      {old.heartbeat != fresh.heartbeat, "heart beats can not be updated"},
      {old.flow_control != fresh.flow_control, "flow control can not be updated"},
      {!old.is_push() && fresh.is_push(), "can not update pull consumer to push based"},
      {old.is_push() && !fresh.is_push(), "can not update push consumer to pull based"},
  };
  for (const auto& [changed, text] : frozen) {
    if (changed) return refuse(Err::kConsumerCreate, text);
  }
  if (old.deliver_subject != fresh.deliver_subject && old_is_bound) {
    return refuse(Err::kConsumerNameInUse);
  }
  if (old.max_waiting != fresh.max_waiting) {
    return refuse(Err::kConsumerCreate, "max waiting can not be updated");
  }
  return {};
}

void set_stored_metadata(ConsumerConfig& config) {
  drop_server_metadata(config.metadata);
  bool pauses = config.pause_until && !config.pause_until->is_zero();
  bool priorities = config.priority_policy != PriorityPolicy::kNone ||
                    config.priority_timeout != 0 || !config.priority_groups.empty();
  int level = config.ack_policy == AckPolicy::kFlowControl ? 4 : (pauses || priorities ? 1 : 0);
  config.metadata[kRequiredLevel] = std::to_string(level);
}

bool same_consumer(ConsumerConfig a, ConsumerConfig b) {
  for (ConsumerConfig* config : {&a, &b}) {
    drop_server_metadata(config->metadata);
    config->metadata.erase(kRequiredLevel);
  }
  return a == b;
}

}  // namespace natrix::jetstream::model
