#include "broker/jetstream/model/origin_rules.h"

#include <fmt/format.h>

#include <deque>
#include <set>
#include <vector>

#include "broker/crypto/sha256.h"
#include "broker/subject/tokens.h"
#include "broker/subject/transform.h"

namespace natrix::jetstream::model {

namespace {

using Checked = ApiResult<void>;

// How mirrors and sources differ in what they are told.
struct Codes {
  Err many_filters, transform_source, transform, overlap, consumer;
  const char* kind;
};
constexpr Codes kMirrorCodes = {Err::kMirrorMultipleFilters, Err::kMirrorTransformSource,
                                Err::kMirrorTransform,       Err::kMirrorFiltersOverlap,
                                Err::kMirrorConsumer,        "mirror"};
constexpr Codes kSourceCodes = {Err::kSourceMultipleFilters, Err::kSourceTransformSource,
                                Err::kSourceTransform,       Err::kSourceFiltersOverlap,
                                Err::kSourceConsumer,        "sources"};

Failure<ApiError> invalid(std::string_view text) {
  return refuse(Err::kStreamInvalidConfig, text);
}

std::string or_all(const std::string& pattern) {
  return pattern.empty() ? ">" : pattern;
}

Checked check_transforms(const StreamSource& origin, const Codes& codes) {
  if (!origin.filter_subject.empty() && !origin.transforms.empty()) {
    return refuse(codes.many_filters);
  }
  if (!origin.filter_subject.empty() && !subject::is_valid_pattern(origin.filter_subject)) {
    return refuse(codes.transform_source, fmt::format("invalid subject {}", origin.filter_subject));
  }
  for (const SubjectTransform& one : origin.transforms) {
    if (!one.source.empty() && !subject::is_valid_pattern(one.source)) {
      return refuse(codes.transform_source, fmt::format("invalid subject {}", one.source));
    }
    // Without a destination it is a filter.
    if (one.destination.empty()) continue;
    auto made = subject::Transform::make(or_all(one.source), one.destination);
    if (!made) return refuse(codes.transform, made.error().message);
  }
  for (size_t i = 0; i < origin.transforms.size(); ++i) {
    for (size_t j = i + 1; j < origin.transforms.size(); ++j) {
      if (subject::overlaps(or_all(origin.transforms[i].source),
                            or_all(origin.transforms[j].source))) {
        return refuse(codes.overlap);
      }
    }
  }
  return {};
}

Checked check_consumer_of(const StreamSource& origin, const Codes& codes) {
  if (!origin.consumer) return {};
  const SourceConsumer& consumer = *origin.consumer;
  bool starts = origin.start_seq != 0 || origin.start_time || !origin.filter_subject.empty();
  if (!is_valid_name(consumer.name) || !subject::is_valid_literal(consumer.deliver_subject) ||
      starts) {
    return refuse(codes.consumer);
  }
  return invalid(
      fmt::format("consumer in {} is not supported by this version of natrix-broker", codes.kind));
}

Checked check_external(const StreamSource& origin) {
  if (!origin.external) return {};
  const External& external = *origin.external;
  if (!external.deliver_prefix.empty() && !subject::is_valid_literal(external.deliver_prefix)) {
    return refuse(Err::kExternalDeliverInvalid, external.deliver_prefix);
  }
  if (external.api_prefix.empty()) return {};
  if (!subject::is_valid_literal(external.api_prefix)) {
    return invalid(
        fmt::format("stream external api prefix \"{}\" must be a valid subject without wildcards",
                    external.api_prefix));
  }
  if (external.api_prefix == "$JS.API") {
    ApiError error = api_error(Err::kExternalApiOverlap);
    error.description = fmt::format("stream external api prefix {} must not overlap with {}",
                                    external.api_prefix, "$JS.API");
    return fail_with(error);
  }
  return {};
}

Checked check_origin(const StreamSource& origin, const Codes& codes) {
  Checked ok = check_transforms(origin, codes);
  if (ok) ok = check_consumer_of(origin, codes);
  if (ok) ok = check_external(origin);
  return ok;
}

Checked check_mirror(const StreamConfig& config) {
  const StreamSource& mirror = *config.mirror;
  if (config.first_seq > 0) return refuse(Err::kMirrorWithFirstSequence);
  if (!config.subjects.empty()) return refuse(Err::kMirrorWithSubjects);
  if (!config.sources.empty()) return refuse(Err::kMirrorWithSources);
  if (config.allow_msg_counter) return refuse(Err::kMirrorWithCounters);
  if (config.allow_atomic) return refuse(Err::kMirrorWithAtomic);
  if (config.allow_batched) return refuse(Err::kMirrorWithBatched);
  if (config.allow_msg_schedules) return refuse(Err::kMirrorWithSchedules);
  if (config.subject_delete_marker_ttl > 0) {
    return invalid("subject delete markers forbidden on mirrors");
  }
  if (mirror.start_seq > 0 && mirror.start_time) return refuse(Err::kMirrorStarts);
  if (!is_valid_name(mirror.name)) return refuse(Err::kMirrorName);
  // It would wait for itself.
  if (!mirror.external && mirror.name == config.name) return invalid("detected cycle");
  return check_origin(mirror, kMirrorCodes);
}

Checked check_sources(const StreamConfig& config) {
  if (!config.sources.empty() && config.allow_msg_schedules) {
    return refuse(Err::kSourceWithSchedules);
  }
  std::set<std::string> indexes;
  for (const StreamSource& source : config.sources) {
    if (!is_valid_name(source.name)) return refuse(Err::kSourceName);
    if (!indexes.insert(source_index(source)).second) return refuse(Err::kSourceDuplicate);
    if (Checked ok = check_origin(source, kSourceCodes); !ok) return ok;
  }
  return {};
}

Checked check_sizes(const StreamConfig& config, const StreamConfig& origin, Err code) {
  bool smaller = config.max_msg_size > 0 && origin.max_msg_size > 0 &&
                 config.max_msg_size < origin.max_msg_size;
  if (smaller) return refuse(code);
  return {};
}

// Copying in a circle would never end.
Checked check_cycles(const StreamConfig& config, const FindStream& find) {
  std::set<std::string> visited;
  std::deque<const StreamConfig*> left = {&config};
  while (!left.empty()) {
    const StreamConfig& at = *left.front();
    left.pop_front();
    if (!visited.insert(at.name).second) continue;
    for (const StreamSource& source : at.sources) {
      if (source.external) continue;
      if (visited.contains(source.name)) {
        bool passes =
            source.filter_subject.empty() || subjects_overlap(at.subjects, {source.filter_subject});
        if (passes) return invalid("detected cycle");
      } else if (const StreamConfig* next = find(source.name)) {
        left.push_back(next);
      }
    }
    if (!at.mirror || at.mirror->external) continue;
    if (visited.contains(at.mirror->name)) return invalid("detected cycle");
    if (const StreamConfig* next = find(at.mirror->name)) left.push_back(next);
  }
  return {};
}

// Delivered messages must not be taken for published ones.
Checked check_deliver_prefixes(const StreamConfig& config, const FindStream& find) {
  std::vector<const StreamSource*> all;
  if (config.mirror) all.push_back(&*config.mirror);
  for (const StreamSource& source : config.sources) all.push_back(&source);
  std::vector<std::string> subjects = config.subjects;
  for (const StreamSource* origin : all) {
    const StreamConfig* other = origin->external ? nullptr : find(origin->name);
    if (other != nullptr) {
      subjects.insert(subjects.end(), other->subjects.begin(), other->subjects.end());
    }
  }
  for (const StreamSource* origin : all) {
    if (!origin->external || origin->external->deliver_prefix.empty()) continue;
    const std::string& prefix = origin->external->deliver_prefix;
    for (const std::string& subject : subjects) {
      if (!subject::overlaps(subject, prefix + "." + subject)) continue;
      ApiError error = api_error(Err::kExternalDeliverOverlap);
      error.description = fmt::format(
          "stream external delivery prefix {} overlaps with stream subject {}", prefix, subject);
      return fail_with(error);
    }
  }
  return {};
}

// As nats-server shortens names: the first eight bytes of the hash, as letters and digits.
std::string short_hash(std::string_view text) {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr size_t kLength = 8;
  auto digest = sha256(text);
  std::string made;
  for (size_t i = 0; i < kLength; ++i) made += kDigits[digest[i] % kDigits.size()];
  return made;
}

}  // namespace

Checked check_origins(const StreamConfig& config) {
  if (config.mirror) return check_mirror(config);
  return check_sources(config);
}

Checked check_against_origins(StreamConfig& config, const FindStream& find, Mode mode) {
  if (config.mirror && !config.mirror->external) {
    if (const StreamConfig* origin = find(config.mirror->name)) {
      if (Checked ok = check_sizes(config, *origin, Err::kMirrorSmallerMessages); !ok) return ok;
      if (mode == Mode::kPedantic && config.mirror_direct != origin->allow_direct) {
        return refuse(Err::kPedantic, "origin stream has direct get set, mirror has it disabled");
      }
      config.mirror_direct = origin->allow_direct;
    }
  }
  for (const StreamSource& source : config.sources) {
    const StreamConfig* origin = source.external ? nullptr : find(source.name);
    if (origin == nullptr) continue;
    if (Checked ok = check_sizes(config, *origin, Err::kSourceSmallerMessages); !ok) return ok;
  }
  if (Checked ok = check_deliver_prefixes(config, find); !ok) return ok;
  return check_cycles(config, find);
}

std::string source_index(const StreamSource& source) {
  std::string name = source.name;
  if (source.external) name += ":" + short_hash(source.external->api_prefix);
  std::string from = or_all(source.filter_subject), to = ">";
  if (!source.transforms.empty()) {
    from.clear();
    to.clear();
    for (const SubjectTransform& one : source.transforms) {
      if (!from.empty()) {
        from += '\f';
        to += '\f';
      }
      from += or_all(one.source);
      to += or_all(one.destination);
    }
  }
  return fmt::format("{} {} {}", name, from, to);
}

}  // namespace natrix::jetstream::model
