#include "broker/jetstream/model/stream_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "broker/base/duration.h"
#include "broker/subject/tokens.h"
#include "broker/subject/transform.h"

namespace natrix::jetstream::model {

namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMillisecond;
constexpr int64_t kShortest = 100 * kMillisecond;
constexpr int64_t kDefaultDuplicateWindow = 120 * kSecond;
constexpr int64_t kMaxReplicas = 5;

constexpr const char* kRequiredLevel = "_nats.req.level";
constexpr const char* kServerVersion = "_nats.ver";
constexpr const char* kServerLevel = "_nats.level";

using Checked = ApiResult<void>;

Failure<ApiError> invalid(std::string_view text) {
  return refuse(Err::kStreamInvalidConfig, text);
}

Checked check_texts(const StreamConfig& config) {
  if (!is_valid_name(config.name)) {
    return invalid("stream name is required and can not contain '.', '*', '>', '\\', '/'");
  }
  if (config.name.size() > kMaxName) {
    return invalid(fmt::format("stream name is too long, maximum allowed is {}", kMaxName));
  }
  if (config.description.size() > kMaxDescription) {
    return invalid(
        fmt::format("stream description is too long, maximum allowed is {}", kMaxDescription));
  }
  size_t metadata = 0;
  for (const auto& [key, value] : config.metadata) metadata += key.size() + value.size();
  if (metadata > kMaxMetadata) {
    return invalid(fmt::format("stream metadata exceeds maximum size of {} bytes", kMaxMetadata));
  }
  return {};
}

// 0 and everything negative mean "no limit", which is written -1.
template <class Int>
Checked normalise(Int& limit, const char* name, Mode mode) {
  if (mode == Mode::kPedantic && limit < -1) {
    return refuse(Err::kPedantic, fmt::format("{} must be set to -1", name));
  }
  if (limit <= 0) limit = -1;
  return {};
}

Checked normalise_limits(StreamConfig& config, Mode mode) {
  if (config.replicas == 0) config.replicas = 1;
  if (config.replicas > kMaxReplicas) {
    return invalid(fmt::format("maximum replicas is {}", kMaxReplicas));
  }
  if (config.replicas < 0) return refuse(Err::kNegativeReplicas);
  if (Checked ok = normalise(config.max_msgs, "max_msgs", mode); !ok) return ok;
  if (Checked ok = normalise(config.max_msgs_per_subject, "max_msgs_per_subject", mode); !ok) {
    return ok;
  }
  if (Checked ok = normalise(config.max_bytes, "max_bytes", mode); !ok) return ok;
  if (Checked ok = normalise(config.max_msg_size, "max_msg_size", mode); !ok) return ok;
  return normalise(config.max_consumers, "max_consumers", mode);
}

Checked default_duplicate_window(StreamConfig& config, const ServerLimits& limits, Mode mode) {
  if (config.duplicate_window != 0 || config.mirror || !config.sources.empty()) return {};
  int64_t window = kDefaultDuplicateWindow;
  if (limits.duplicate_window > 0 && window > limits.duplicate_window) {
    if (mode == Mode::kPedantic) {
      return refuse(Err::kPedantic, "duplicate window limits are higher than current limits");
    }
    window = limits.duplicate_window;
  }
  if (config.max_age != 0 && config.max_age < window) {
    if (mode == Mode::kPedantic) {
      return refuse(Err::kPedantic, "duplicate window cannot be bigger than max age");
    }
    window = config.max_age;
  }
  config.duplicate_window = window;
  return {};
}

Checked check_times(StreamConfig& config, const ServerLimits& limits, Mode mode) {
  if (config.max_age < 0) return invalid("max age can not be negative");
  if (config.max_age != 0 && config.max_age < kShortest) {
    return invalid("max age needs to be >= 100ms");
  }
  if (Checked ok = default_duplicate_window(config, limits, mode); !ok) return ok;
  int64_t window = config.duplicate_window;
  if (window < 0) return invalid("duplicates window can not be negative");
  if (config.max_age != 0 && window > config.max_age) {
    return invalid("duplicates window can not be larger then max age");
  }
  if (limits.duplicate_window > 0 && window > limits.duplicate_window) {
    return invalid(fmt::format("duplicates window can not be larger then server limit of {}",
                               format_duration(std::chrono::nanoseconds(limits.duplicate_window))));
  }
  if (window > 0 && window < kShortest) return invalid("duplicates window needs to be >= 100ms");
  return {};
}

Checked check_combinations(const StreamConfig& config) {
  if (config.deny_purge && config.allow_rollup) {
    return invalid("roll-ups require the purge permission");
  }
  if (config.allow_msg_counter) {
    if (config.discard == Discard::kNew) return invalid("counter stream cannot use discard new");
    if (config.allow_msg_ttl) return invalid("counter stream cannot use message TTLs");
    if (config.allow_msg_schedules) return invalid("counter stream cannot use message schedules");
    if (config.retention != Retention::kLimits) {
      return invalid("counter stream can only use limits retention");
    }
  }
  if (config.discard_new_per_subject) {
    if (config.discard != Discard::kNew) {
      return invalid("discard new per subject requires discard new policy to be set");
    }
    if (config.max_msgs_per_subject <= 0) {
      return invalid("discard new per subject requires max msgs per subject > 0");
    }
  }
  return {};
}

// Marker TTLs and schedules need roll-ups and imply them.
Checked imply_rollup(StreamConfig& config, Mode mode, const char* what) {
  if (config.allow_rollup) return {};
  if (mode == Mode::kPedantic) {
    return invalid(fmt::format("{} cannot be set if roll-ups are disabled", what));
  }
  config.allow_rollup = true;
  config.deny_purge = false;
  return {};
}

Checked check_markers(StreamConfig& config, Mode mode) {
  if (config.subject_delete_marker_ttl < 0) {
    return invalid("subject delete marker TTL must not be negative");
  }
  if (config.subject_delete_marker_ttl > 0) {
    if (config.subject_delete_marker_ttl < kSecond) {
      return invalid("subject delete marker TTL must be at least 1 second");
    }
    if (!config.allow_msg_ttl && mode == Mode::kPedantic) {
      return invalid("subject delete marker cannot be set if message TTLs are disabled");
    }
    config.allow_msg_ttl = true;
    if (Checked ok = imply_rollup(config, mode, "subject delete marker"); !ok) return ok;
  }
  if (config.allow_msg_schedules) {
    if (config.discard == Discard::kNew) {
      return invalid("message scheduling cannot use discard new");
    }
    if (Checked ok = imply_rollup(config, mode, "message scheduling"); !ok) return ok;
  }
  if (config.persist_mode == PersistMode::kAsync) {
    if (config.storage != StorageType::kFile) {
      return invalid("async persist mode is only supported on file storage");
    }
    if (config.replicas > 1) {
      return invalid("async persist mode is not supported on replicated streams");
    }
    if (config.allow_atomic) {
      return invalid("async persist mode is not supported with atomic batch publish");
    }
  }
  return {};
}

// What of NATS this server cannot do yet is refused, never ignored.
Checked check_supported(const StreamConfig& config) {
  const std::pair<bool, const char*> absent[] = {
      {config.mirror.has_value(), "mirror"},
      {!config.sources.empty(), "sources"},
      {config.allow_batched, "allow_batched"},
      {config.compression != Compression::kNone && config.storage == StorageType::kFile,
       "compression s2"},
  };
  for (const auto& [used, name] : absent) {
    if (used) {
      return invalid(fmt::format("{} is not supported by this version of natrix-broker", name));
    }
  }
  return {};
}

bool within(std::string_view subject, std::string_view space) {
  return subject::covers(space, subject);
}

Checked check_reserved(const std::string& subject) {
  for (const char* space : {"$JS.>", "$JSC.>", "$NRG.>"}) {
    if (subject::overlaps(subject, space) && !within(subject, "$JS.EVENT.>")) {
      return invalid("subjects that overlap with jetstream api require no-ack to be true");
    }
  }
  if (subject::overlaps(subject, "$SYS.>") && !within(subject, "$SYS.ACCOUNT.>")) {
    return invalid("subjects that overlap with system api require no-ack to be true");
  }
  return {};
}

Checked check_subjects(StreamConfig& config) {
  if (config.subjects.empty() && !config.mirror && config.sources.empty()) {
    config.subjects.push_back(config.name);
    return {};
  }
  for (size_t i = 0; i < config.subjects.size(); ++i) {
    const std::string& subject = config.subjects[i];
    if (!subject::is_valid_pattern(subject)) return invalid("invalid subject");
    if (subject == ">") {
      if (!config.no_ack) return invalid("capturing all subjects requires no-ack to be true");
      if (config.replicas != 1) return invalid("capturing all subjects requires replicas of 1");
    }
    if (!config.no_ack) {
      if (Checked ok = check_reserved(subject); !ok) return ok;
    }
    for (size_t j = i + 1; j < config.subjects.size(); ++j) {
      if (subject::overlaps(config.subjects[j], subject)) {
        return invalid(
            fmt::format("subject \"{}\" overlaps with \"{}\"", subject, config.subjects[j]));
      }
    }
  }
  return {};
}

Checked check_transform(const SubjectTransform& transform) {
  if (!transform.source.empty() && !subject::is_valid_pattern(transform.source)) {
    return refuse(Err::kTransformSource, fmt::format("invalid subject {}", transform.source));
  }
  Result<subject::Transform> made = subject::Transform::make(
      transform.source.empty() ? ">" : transform.source, transform.destination);
  if (!made) return refuse(Err::kTransform, made.error().message);
  return {};
}

Checked check_republish(StreamConfig& config, Mode mode) {
  Republish& republish = *config.republish;
  if (republish.source.empty()) {
    if (mode == Mode::kPedantic) {
      return refuse(Err::kPedantic, "republish source can not be empty");
    }
    republish.source = ">";
  }
  const auto& transform = config.subject_transform;
  bool everything = republish.destination == ">" && republish.source == ">";
  if (everything && transform && config.subjects.size() == 1 &&
      transform->source == config.subjects[0]) {
    if (mode == Mode::kPedantic) {
      return refuse(Err::kPedantic, "implicit republish based on subject transform");
    }
    republish.source = republish.destination = transform->destination;
  }
  for (const std::string& subject : config.subjects) {
    if (subject::overlaps(republish.destination, subject)) {
      return invalid("stream configuration for republish destination forms a cycle");
    }
  }
  if (!subject::Transform::make(republish.source, republish.destination)) {
    return invalid(
        fmt::format("stream configuration for republish with transform from '{}' to '{}' not valid",
                    republish.source, republish.destination));
  }
  return {};
}

Checked check_rewriting(StreamConfig& config, Mode mode) {
  if (config.subject_transform) {
    if (Checked ok = check_transform(*config.subject_transform); !ok) return ok;
  }
  if (config.republish) {
    if (Checked ok = check_republish(config, mode); !ok) return ok;
  }
  if (config.placement && *config.placement == Placement{}) config.placement.reset();
  if (config.placement && !config.placement->preferred.empty()) {
    return invalid("preferred server not permitted in placement");
  }
  return {};
}

struct Frozen {
  bool broken;
  const char* text;
};

}  // namespace

bool is_valid_name(std::string_view name) {
  return !name.empty() && name.find_first_of(" \t\r\n\f.*>/\\") == std::string_view::npos;
}

ApiResult<StreamConfig> check_stream(StreamConfig config, const ServerLimits& limits, Mode mode) {
  Checked ok = check_texts(config);
  if (ok) ok = normalise_limits(config, mode);
  if (ok) ok = check_times(config, limits, mode);
  if (ok) ok = check_combinations(config);
  if (ok) ok = check_markers(config, mode);
  if (ok) ok = check_supported(config);
  if (ok) ok = check_subjects(config);
  if (ok) ok = check_rewriting(config, mode);
  if (!ok) return fail_with(ok.error());
  return config;
}

ApiResult<StreamConfig> check_new_stream(StreamConfig config, const ServerLimits& limits,
                                         Mode mode) {
  ApiResult<StreamConfig> checked = check_stream(std::move(config), limits, mode);
  if (!checked) return checked;
  if (checked->sealed) return invalid("stream configuration for create can not be sealed");
  if (checked->mirror_direct && !checked->mirror) {
    return invalid("stream has no mirror but does have mirror direct");
  }
  return checked;
}

ApiResult<StreamConfig> check_stream_update(const StreamConfig& old, StreamConfig config) {
  if (config.name != old.name) return invalid("stream configuration name must match original");
  if (config.replicas > 1) return refuse(Err::kReplicasNotSupported);
  bool queue_change =
      config.retention != old.retention &&
      (config.retention == Retention::kWorkQueue || old.retention == Retention::kWorkQueue);
  const Frozen rules[] = {
      {config.storage != old.storage, "stream configuration update can not change storage type"},
      {queue_change,
       "stream configuration update can not change retention policy to/from workqueue"},
      {old.sealed && !config.sealed, "stream configuration update can not unseal a sealed stream"},
      {old.deny_delete && !config.deny_delete,
       "stream configuration update can not cancel deny message deletes"},
      {old.deny_purge && !config.deny_purge,
       "stream configuration update can not cancel deny purge"},
      {old.allow_msg_ttl && !config.allow_msg_ttl, "message TTL status can not be disabled"},
      {old.allow_msg_counter != config.allow_msg_counter,
       "stream configuration update can not change message counter setting"},
      {old.allow_msg_schedules && !config.allow_msg_schedules,
       "message schedules can not be disabled"},
      {old.persist_mode != config.persist_mode,
       "stream configuration update can not change persist mode"},
  };
  for (const Frozen& rule : rules) {
    if (rule.broken) return invalid(rule.text);
  }
  if (config.mirror && config.mirror != old.mirror) return refuse(Err::kMirrorNotUpdatable);
  if (config.sealed) {
    config.max_age = 0;
    config.discard = Discard::kNew;
    config.deny_delete = config.deny_purge = true;
    config.allow_rollup = false;
  }
  return config;
}

bool subjects_overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&b](const std::string& one) {
    return std::any_of(b.begin(), b.end(),
                       [&one](const std::string& other) { return subject::overlaps(one, other); });
  });
}

void drop_server_metadata(Metadata& metadata) {
  metadata.erase(kServerVersion);
  metadata.erase(kServerLevel);
}

void set_stored_metadata(StreamConfig& config) {
  drop_server_metadata(config.metadata);
  int level = 0;
  auto needs = [&level](bool used, int at_least) {
    if (used) level = std::max(level, at_least);
  };
  needs(config.allow_msg_ttl || config.subject_delete_marker_ttl > 0, 1);
  needs(config.allow_msg_counter || config.allow_atomic || config.allow_msg_schedules, 2);
  needs(config.persist_mode == PersistMode::kAsync, 2);
  needs(config.allow_batched, 4);
  config.metadata[kRequiredLevel] = std::to_string(level);
}

Metadata shown_metadata(Metadata stored, std::string_view server_version) {
  stored[kServerVersion] = server_version;
  stored[kServerLevel] = std::to_string(kServerApiLevel);
  return stored;
}

bool same_stream(StreamConfig a, StreamConfig b) {
  for (StreamConfig* config : {&a, &b}) {
    drop_server_metadata(config->metadata);
    config->metadata.erase(kRequiredLevel);
  }
  return a == b;
}

bool requires_more(std::string_view required_level) {
  if (required_level.empty()) return false;
  int level = 0;
  auto [end, error] =
      std::from_chars(required_level.data(), required_level.data() + required_level.size(), level);
  bool number = error == std::errc() && end == required_level.data() + required_level.size();
  return !number || level > kServerApiLevel;
}

}  // namespace natrix::jetstream::model
