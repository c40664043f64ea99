// What has to be true of a message before it is stored (wire.md 10), and how it is rewritten.
#include "broker/jetstream/model/limits.h"
#include "broker/jetstream/model/stream_rules.h"
#include "broker/jetstream/stream/stream.h"
#include "broker/subject/tokens.h"

namespace natrix::jetstream::stream {

using model::ApiResult;
using model::Err;
using model::refuse;

namespace {

constexpr int64_t kSecond = 1'000'000'000;

}  // namespace

// `staged`: what precedes in the same batch, if the message is part of one that has to be stored as
// a whole.
ApiResult<Judgement> Stream::judge(Draft& draft, Staged* staged) {
  if (auto ok = check(draft); !ok) return fail_with(ok.error());
  std::string_view id = draft.parsed.msg_id;
  if (!id.empty()) {
    auto seq = duplicates_.find(id, draft.now);
    if (staged != nullptr) {
      if (seq || !staged->msg_ids.emplace(id).second) return refuse(Err::kBatchDuplicate);
    } else if (seq) {
      return Judgement{Verdict::kDuplicate, *seq};
    }
  }
  if (!draft.headers.empty()) {
    if (auto ok = check_expectations(draft, staged); !ok) return fail_with(ok.error());
    if (!draft.trusted) {
      if (!draft.parsed.schedule.empty()) {
        if (auto ok = check_schedule(draft); !ok) return fail_with(ok.error());
      }
      if (auto ok = check_scheduler(draft, staged); !ok) return fail_with(ok.error());
    }
    if (auto ok = check_rollup(draft, staged); !ok) return fail_with(ok.error());
  }
  if (config_.allow_msg_counter) {
    if (auto ok = count(draft, staged); !ok) return fail_with(ok.error());
  }
  size_t bytes = stored_size(draft.subject.size(), draft.headers.size(), draft.payload.size());
  if (auto ok = check_capacity(draft, bytes, staged); !ok) return fail_with(ok.error());
  if (staged != nullptr) {
    ++staged->messages;
    staged->bytes += bytes;
    Staged::Subject& subject = staged->subjects[std::string(draft.subject)];
    ++subject.messages;
    subject.schedule = !draft.parsed.schedule.empty();
  }
  if (config_.retention == model::Retention::kInterest) {
    bool wanted = false;
    observers_.for_each_match(draft.subject, [&wanted](Observer&) { wanted = true; });
    if (!wanted) return Judgement{Verdict::kUnwanted, 0};
  }
  return Judgement{};
}

ApiResult<void> Stream::check_size(const Draft& draft) const {
  size_t size = draft.headers.size() + draft.payload.size();
  if (config_.max_msg_size >= 0 && size > static_cast<size_t>(config_.max_msg_size)) {
    return refuse(Err::kMessageTooLarge);
  }
  if (draft.headers.size() > model::kMaxHeaderBytes) return refuse(Err::kHeaderTooLarge);
  return {};
}

// Everything that comes before the check for duplicates.
ApiResult<void> Stream::check(Draft& draft) {
  if (config_.sealed) return refuse(Err::kStreamSealed);
  if (auto ok = check_size(draft); !ok) return ok;
  if (draft.headers.empty()) return {};
  const PublishHeaders& headers = draft.parsed;
  if (!headers.required_level.empty()) {
    if (model::requires_more(headers.required_level)) return refuse(Err::kApiLevel);
    draft.headers = draft.keep(without_header(draft.headers, "Nats-Required-Api-Level"));
  }
  if (!headers.increment.empty()) {
    if (auto ok = check_increment(draft); !ok) return ok;
  }
  if (!headers.source.empty() && !draft.trusted) return refuse(Err::kStreamSourceHeader);
  if (!headers.expected_stream.empty() && headers.expected_stream != config_.name) {
    return refuse(Err::kExpectedStream);
  }
  if (!headers.ttl.empty()) return take_ttl(draft);
  return {};
}

ApiResult<void> Stream::take_ttl(Draft& draft) {
  auto ttl = parse_ttl(draft.parsed.ttl);
  if (!ttl) return fail_with(ttl.error());
  if (*ttl != 0 && !config_.allow_msg_ttl) return refuse(Err::kTtlDisabled);
  draft.ttl = *ttl;
  // A message that goes before the marker of its predecessor would leave none of its own; where
  // there is only ever one message there is no marker to wait for.
  int64_t marker = config_.subject_delete_marker_ttl / kSecond;
  if (draft.ttl > 0 && draft.ttl < marker && config_.max_msgs_per_subject != 1) {
    draft.ttl = marker;
    draft.headers = draft.keep(with_header(draft.headers, "Nats-TTL", std::to_string(marker)));
  }
  return {};
}

ApiResult<void> Stream::check_increment(const Draft& draft) {
  if (!config_.allow_msg_counter) {
    if (!counter::Number::parse(draft.parsed.increment)) return refuse(Err::kInvalidIncrement);
    return refuse(Err::kCountersDisabled);
  }
  if (!draft.payload.empty()) return refuse(Err::kIncrementPayload);
  const PublishHeaders& headers = draft.parsed;
  bool conditions = headers.rollup != Rollup::kNone || headers.expected_last_seq ||
                    headers.expected_last_subject_seq || !headers.expected_stream.empty() ||
                    !headers.expected_last_subject.empty() || !headers.expected_last_msg_id.empty();
  if (conditions) return refuse(Err::kInvalidIncrement);
  return {};
}

ApiResult<void> Stream::check_expectations(const Draft& draft, const Staged* staged) {
  const PublishHeaders& headers = draft.parsed;
  if (headers.expected_last_seq) {
    Seq last = store_->state().last_seq + (staged != nullptr ? staged->messages : 0);
    if (*headers.expected_last_seq != last) {
      return refuse(Err::kWrongLastSequence, std::to_string(last));
    }
    // Only the first message of a batch knows what precedes it.
    if (staged != nullptr && staged->messages > 0) return refuse(Err::kWrongLastSequenceConstant);
  }
  if (auto ok = check_last_on_subject(draft, staged); !ok) return ok;
  if (!headers.expected_last_msg_id.empty() &&
      headers.expected_last_msg_id != duplicates_.last_id()) {
    return refuse(Err::kWrongLastMessageId, duplicates_.last_id());
  }
  return {};
}

ApiResult<void> Stream::check_last_on_subject(const Draft& draft, const Staged* staged) {
  const PublishHeaders& headers = draft.parsed;
  std::string_view subject = headers.expected_last_subject;
  if (!headers.expected_last_subject_seq) {
    if (!subject.empty()) return refuse(Err::kMissingLastSequence);
    return {};
  }
  if (subject.empty()) subject = draft.subject;
  if (staged != nullptr && staged->subjects.contains(std::string(subject))) {
    return refuse(Err::kWrongLastSequenceConstant);
  }
  Seq last = 0;
  if (subject == draft.subject) {
    last = store_->subject(draft.subject).last_seq;
  } else if (subject::is_valid_pattern(subject)) {
    last = store_->last_seq(storage::Filter(subject));
  }
  if (last != *headers.expected_last_subject_seq) {
    return refuse(Err::kWrongLastSequence, std::to_string(last));
  }
  return {};
}

ApiResult<void> Stream::check_rollup(const Draft& draft, const Staged* staged) {
  Rollup rollup = draft.parsed.rollup;
  if (rollup == Rollup::kNone) return {};
  if (!config_.allow_rollup || config_.deny_purge) {
    return refuse(Err::kRollupFailed, "rollup not permitted");
  }
  if (rollup == Rollup::kInvalid) return refuse(Err::kRollupFailed, "rollup value invalid");
  if (staged == nullptr) return {};
  // A batch may not take away what it has brought itself.
  if (rollup == Rollup::kSubject && staged->subjects.contains(std::string(draft.subject))) {
    return refuse(Err::kRollupFailed, "batch rollup sub invalid");
  }
  if (rollup == Rollup::kAll && staged->messages > 0) {
    return refuse(Err::kRollupFailed, "batch rollup all invalid");
  }
  return {};
}

// Puts the total in place of the increment.
ApiResult<void> Stream::count(Draft& draft, Staged* staged) {
  if (draft.parsed.increment.empty()) return refuse(Err::kIncrementMissing);
  std::optional<counter::Last> last;
  std::optional<storage::StoredMessage> stored;
  std::string subject(draft.subject);
  const Staged::Counter* before = nullptr;
  if (staged != nullptr) {
    if (auto found = staged->counters.find(subject); found != staged->counters.end()) {
      before = &found->second;
    }
  }
  if (before != nullptr) {
    last = counter::Last{before->body, before->sources};
  } else if (Seq seq = store_->subject(draft.subject).last_seq; seq != 0) {
    auto loaded = store_->load(seq);
    if (!loaded) return refuse(Err::kStoreFailed, loaded.error().message);
    stored = std::move(*loaded);
    last = counter::Last{
        stored->payload,
        find_header(stored->headers, "Nats-Counter-Sources").value_or(std::string_view{})};
  }
  auto change = counter::add(last, draft.parsed.increment);
  if (!change) {
    return refuse(change.error() == counter::Fault::kBroken ? Err::kCounterBroken
                                                            : Err::kInvalidIncrement);
  }
  draft.payload = draft.keep(std::move(change->body));
  if (!change->sources.empty()) {
    draft.headers = draft.keep(with_header(draft.headers, "Nats-Counter-Sources", change->sources));
  }
  draft.extras().ack_tail += ",\"val\":\"" + change->total.text() + '"';
  if (staged != nullptr) {
    staged->counters[subject] = {std::string(draft.payload), std::move(change->sources)};
  }
  return check_size(draft);
}

ApiResult<void> Stream::check_capacity(const Draft& draft, size_t bytes, const Staged* staged) {
  if (waiting_.size() >= settings_.max_waiting || waiting_bytes_ >= settings_.max_waiting_bytes) {
    return refuse(Err::kTooManyRequests);
  }
  bool file = config_.storage == model::StorageType::kFile;
  int64_t limit = file ? usage_.max_file : usage_.max_memory;
  int64_t used = (file ? usage_.file_bytes : usage_.memory_bytes).load(std::memory_order_relaxed);
  if (staged != nullptr) used += static_cast<int64_t>(staged->bytes);
  if (limit >= 0 && used + static_cast<int64_t>(bytes) > limit) {
    return refuse(Err::kResourcesExceeded);
  }
  if (config_.discard == model::Discard::kNew) return check_discard_new(draft, bytes, staged);
  return {};
}

ApiResult<void> Stream::check_discard_new(const Draft& draft, size_t bytes, const Staged* staged) {
  storage::StreamState state = store_->state();
  uint64_t on_subject = 0;
  if (staged != nullptr) {
    state.messages += staged->messages;
    state.bytes += staged->bytes;
    auto before = staged->subjects.find(std::string(draft.subject));
    if (before != staged->subjects.end()) on_subject = before->second.messages;
  }
  // A subject at its own limit replaces a message instead of adding one.
  bool replaces = false;
  if (config_.max_msgs_per_subject > 0) {
    on_subject += store_->subject(draft.subject).messages;
    replaces = on_subject >= static_cast<uint64_t>(config_.max_msgs_per_subject);
    // A roll-up makes room as soon as it is stored.
    bool rolls_up = draft.parsed.rollup != Rollup::kNone;
    if (replaces && config_.discard_new_per_subject && !rolls_up) {
      return refuse(Err::kStoreFailed, "maximum messages per subject exceeded");
    }
  }
  if (replaces) return {};
  if (config_.max_msgs > 0 && state.messages >= static_cast<uint64_t>(config_.max_msgs)) {
    return refuse(Err::kStoreFailed, "maximum messages exceeded");
  }
  if (config_.max_bytes > 0 && state.bytes + bytes > static_cast<uint64_t>(config_.max_bytes)) {
    return refuse(Err::kStoreFailed, "maximum bytes exceeded");
  }
  return {};
}

}  // namespace natrix::jetstream::stream
