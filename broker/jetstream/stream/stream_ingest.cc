// Publishing into a stream (wire.md 10): checks, storing, and the answer once it is synced.
#include <fmt/format.h>

#include "broker/jetstream/model/codec.h"
#include "broker/jetstream/model/limits.h"
#include "broker/jetstream/stream/stream.h"
#include "broker/subject/tokens.h"

namespace natrix::jetstream::stream {

using model::ApiResult;
using model::Err;
using model::refuse;

namespace {

constexpr int64_t kSecond = 1'000'000'000;

ApiResult<void> refuse_absent(const PublishHeaders& headers) {
  if (headers.counts) return refuse(Err::kCountersDisabled);
  if (headers.batch) return refuse(Err::kAtomicDisabled);
  if (headers.schedule) return refuse(Err::kSchedulesDisabled);
  if (headers.source) return refuse(Err::kStreamSourceHeader);
  return {};
}

}  // namespace

size_t Stream::stored_size(size_t subject, size_t headers, size_t payload) const {
  return config_.storage == model::StorageType::kFile
             ? storage::file_message_bytes(subject, headers, payload)
             : storage::memory_message_bytes(subject, headers, payload);
}

void Stream::on_publish(const core::Message& message) {
  Draft draft;
  draft.subject = message.subject();
  draft.headers = message.header();
  draft.payload = message.payload();
  if (!config_.no_ack) draft.reply = message.reply();
  std::string rewritten;
  if (transform_) {
    if (auto other = transform_->apply(draft.subject)) {
      rewritten = std::move(*other);
      draft.subject = rewritten;
    }
  }
  if (!draft.headers.empty()) draft.parsed = parse_publish_headers(draft.headers);
  draft.now = environment_.now();
  if (auto ok = check(draft); !ok) return answer_error(draft.reply, ok.error());
  if (!draft.parsed.msg_id.empty()) {
    if (auto seq = duplicates_.find(draft.parsed.msg_id, draft.now)) {
      // Its first copy may still wait to be synced, and so does the answer.
      return wait({.ticket = waiting_.empty() ? 0 : waiting_.back().ticket,
                   .seq = *seq,
                   .stored = false,
                   .duplicate = true,
                   .text = std::string(draft.reply)});
    }
  }
  if (auto ok = check_expectations(draft); !ok) return answer_error(draft.reply, ok.error());
  if (auto ok = check_capacity(draft); !ok) return answer_error(draft.reply, ok.error());
  if (config_.retention == model::Retention::kInterest) {
    bool wanted = false;
    observers_.for_each_match(draft.subject, [&wanted](Observer&) { wanted = true; });
    if (!wanted) return skip_without_interest(draft);
  }
  store(draft);
}

// Everything that comes before the check for duplicates.
ApiResult<void> Stream::check(Draft& draft) {
  if (config_.sealed) return refuse(Err::kStreamSealed);
  size_t size = draft.headers.size() + draft.payload.size();
  if (config_.max_msg_size >= 0 && size > static_cast<size_t>(config_.max_msg_size)) {
    return refuse(Err::kMessageTooLarge);
  }
  if (draft.headers.empty()) return {};
  if (draft.headers.size() > model::kMaxHeaderBytes) return refuse(Err::kHeaderTooLarge);
  const PublishHeaders& headers = draft.parsed;
  if (auto ok = refuse_absent(headers); !ok) return ok;
  if (!headers.expected_stream.empty() && headers.expected_stream != config_.name) {
    return refuse(Err::kExpectedStream);
  }
  if (!headers.ttl.empty()) {
    auto ttl = parse_ttl(headers.ttl);
    if (!ttl) return fail_with(ttl.error());
    if (*ttl != 0 && !config_.allow_msg_ttl) return refuse(Err::kTtlDisabled);
    draft.ttl = *ttl;
  }
  return {};
}

ApiResult<void> Stream::check_expectations(const Draft& draft) {
  if (draft.headers.empty()) return {};
  const PublishHeaders& headers = draft.parsed;
  Seq last = store_->state().last_seq;
  if (headers.expected_last_seq && *headers.expected_last_seq != last) {
    return refuse(Err::kWrongLastSequence, std::to_string(last));
  }
  if (auto ok = check_last_on_subject(draft); !ok) return ok;
  if (!headers.expected_last_msg_id.empty() &&
      headers.expected_last_msg_id != duplicates_.last_id()) {
    return refuse(Err::kWrongLastMessageId, duplicates_.last_id());
  }
  if (headers.rollup != Rollup::kNone) {
    if (!config_.allow_rollup || config_.deny_purge) {
      return refuse(Err::kRollupFailed, "rollup not permitted");
    }
    if (headers.rollup == Rollup::kInvalid) {
      return refuse(Err::kRollupFailed, "rollup value invalid");
    }
  }
  return {};
}

ApiResult<void> Stream::check_last_on_subject(const Draft& draft) {
  const PublishHeaders& headers = draft.parsed;
  std::string_view subject = headers.expected_last_subject;
  if (!headers.expected_last_subject_seq) {
    if (!subject.empty()) return refuse(Err::kMissingLastSequence);
    return {};
  }
  Seq last = 0;
  if (subject.empty() || subject == draft.subject) {
    last = store_->subject(draft.subject).last_seq;
  } else if (subject::is_valid_pattern(subject)) {
    last = store_->last_seq(storage::Filter(subject));
  }
  if (last != *headers.expected_last_subject_seq) {
    return refuse(Err::kWrongLastSequence, std::to_string(last));
  }
  return {};
}

ApiResult<void> Stream::check_capacity(const Draft& draft) {
  if (waiting_.size() >= settings_.max_waiting || waiting_bytes_ >= settings_.max_waiting_bytes) {
    return refuse(Err::kTooManyRequests);
  }
  size_t bytes = stored_size(draft.subject.size(), draft.headers.size(), draft.payload.size());
  bool file = config_.storage == model::StorageType::kFile;
  int64_t limit = file ? usage_.max_file : usage_.max_memory;
  int64_t used = (file ? usage_.file_bytes : usage_.memory_bytes).load(std::memory_order_relaxed);
  if (limit >= 0 && used + static_cast<int64_t>(bytes) > limit) {
    return refuse(Err::kResourcesExceeded);
  }
  if (config_.discard == model::Discard::kNew) return check_discard_new(draft, bytes);
  return {};
}

ApiResult<void> Stream::check_discard_new(const Draft& draft, size_t bytes) {
  storage::StreamState state = store_->state();
  // A subject at its own limit replaces a message instead of adding one.
  bool replaces = false;
  if (config_.max_msgs_per_subject > 0) {
    uint64_t on_subject = store_->subject(draft.subject).messages;
    replaces = on_subject >= static_cast<uint64_t>(config_.max_msgs_per_subject);
    if (replaces && config_.discard_new_per_subject) {
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

void Stream::skip_without_interest(const Draft& draft) {
  Seq seq = store_->state().last_seq + 1;
  auto skipped = store_->skip(seq);
  if (!skipped) {
    return answer_error(draft.reply, model::api_error(Err::kStoreFailed, skipped.error().message));
  }
  if (!draft.parsed.msg_id.empty()) duplicates_.add(draft.parsed.msg_id, seq, draft.now);
  wait({.ticket = *skipped, .seq = seq, .stored = false, .text = std::string(draft.reply)});
}

void Stream::store(const Draft& draft) {
  Seq previous = republish_ ? store_->subject(draft.subject).last_seq : 0;
  int64_t expires = draft.ttl > 0 ? draft.now + draft.ttl * kSecond : 0;
  auto appended =
      store_->append({draft.subject, draft.headers, draft.payload, draft.now, expires, {}});
  if (!appended) {
    const storage::StorageError& error = appended.error();
    Err code = error.kind == storage::StorageErrorKind::kBusy   ? Err::kTooManyRequests
               : error.kind == storage::StorageErrorKind::kFull ? Err::kStorageExceeded
                                                                : Err::kStoreFailed;
    return answer_error(draft.reply, model::api_error(code, error.message));
  }
  if (!draft.parsed.msg_id.empty()) {
    duplicates_.add(draft.parsed.msg_id, appended->seq, draft.now);
  }
  size_t bytes = stored_size(draft.subject.size(), draft.headers.size(), draft.payload.size());
  Waiting waiting{.ticket = appended->ticket,
                  .seq = appended->seq,
                  .previous_on_subject = previous,
                  .rollup = draft.parsed.rollup,
                  .bytes = static_cast<uint32_t>(bytes),
                  .subject_size = static_cast<uint32_t>(draft.subject.size()),
                  .text = std::string(draft.subject)};
  waiting.text.append(draft.reply);
  wait(std::move(waiting));
  if (draft.ttl > 0) arm_expiry();
}

void Stream::answer(std::string_view reply, Seq seq, bool duplicate) {
  if (reply.empty()) return;
  fmt::basic_memory_buffer<char, 512> text;
  fmt::format_to(fmt::appender(text), "{}{}{}{}}}", ack_start_, seq, ack_end_,
                 duplicate ? ",\"duplicate\": true" : "");
  environment_.publish({.to = reply, .payload = {text.data(), text.size()}});
}

void Stream::answer_error(std::string_view reply, const model::ApiError& error) {
  if (reply.empty()) return;
  std::string text = fmt::format("{{\"error\":{},\"stream\":{},\"seq\":0}}", model::to_text(error),
                                 model::quoted(config_.name));
  bool too_many = error.is(Err::kTooManyRequests);
  environment_.publish({.to = reply,
                        .headers = too_many
                                       ? std::string_view("NATS/1.0 429 Too Many Requests\r\n\r\n")
                                       : std::string_view{},
                        .payload = text});
}

void Stream::wait(Waiting waiting) {
  if (waiting_.empty() && waiting.ticket <= store_->synced()) return complete(waiting);
  if (waiting.stored) {
    ++unsynced_messages_;
    unsynced_bytes_ += waiting.bytes;
    if (config_.max_msgs_per_subject > 0) {
      ++unsynced_subjects_[std::string(waiting.subject())];
    }
  }
  waiting_bytes_ += waiting.bytes + waiting.text.size();
  waiting_.push_back(std::move(waiting));
  complete_ready();
}

void Stream::complete_ready() {
  while (!waiting_.empty() && waiting_.front().ticket <= store_->synced()) {
    Waiting done = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= done.bytes + done.text.size();
    if (done.stored) {
      --unsynced_messages_;
      unsynced_bytes_ -= done.bytes;
      if (auto found = unsynced_subjects_.find(std::string(done.subject()));
          found != unsynced_subjects_.end() && --found->second == 0) {
        unsynced_subjects_.erase(found);
      }
    }
    complete(done);
  }
}

void Stream::complete(const Waiting& waiting) {
  if (!waiting.stored) return answer(waiting.reply(), waiting.seq, waiting.duplicate);
  if (waiting.rollup != Rollup::kNone) roll_up(waiting);
  if (config_.max_msgs_per_subject > 0) enforce_subject(waiting.subject());
  enforce_limits();
  answer(waiting.reply(), waiting.seq, false);
  observers_.for_each_match(waiting.subject(), [](Observer& observer) { observer.on_stored(); });
  if (republish_) republish(waiting);
  report_usage();
}

void Stream::republish(const Waiting& waiting) {
  auto to = republish_->apply(waiting.subject());
  if (!to) return;
  auto message = store_->load(waiting.seq);
  if (!message) return;
  std::string headers(message->headers);
  add_header(headers, "Nats-Stream", config_.name);
  add_header(headers, "Nats-Subject", message->subject);
  add_header(headers, "Nats-Sequence", std::to_string(message->seq));
  add_header(headers, "Nats-Time-Stamp", model::format_time({message->time}));
  add_header(headers, "Nats-Last-Sequence", std::to_string(waiting.previous_on_subject));
  bool without_payload = config_.republish->headers_only;
  if (without_payload) {
    add_header(headers, "Nats-Msg-Size", std::to_string(message->payload.size()));
  }
  environment_.publish({.to = *to,
                        .headers = headers,
                        .payload = without_payload ? std::string_view{} : message->payload});
}

void Stream::on_synced(Ticket) {
  complete_ready();
  while (!syncing_.empty() && syncing_.front().first <= store_->synced()) {
    Synced then = std::move(syncing_.front().second);
    syncing_.pop_front();
    then(nullptr);
  }
}

void Stream::on_failed(Ticket from, const storage::StorageError& error) {
  std::deque<Waiting> failed;
  while (!waiting_.empty() && waiting_.back().ticket >= from) {
    failed.push_front(std::move(waiting_.back()));
    waiting_.pop_back();
  }
  Err code =
      error.kind == storage::StorageErrorKind::kFull ? Err::kStorageExceeded : Err::kStoreFailed;
  for (const Waiting& one : failed) {
    waiting_bytes_ -= one.bytes + one.text.size();
    if (one.stored) {
      --unsynced_messages_;
      unsynced_bytes_ -= one.bytes;
      if (auto found = unsynced_subjects_.find(std::string(one.subject()));
          found != unsynced_subjects_.end() && --found->second == 0) {
        unsynced_subjects_.erase(found);
      }
    }
    answer_error(one.reply(), model::api_error(code, error.message));
  }
  duplicates_.forget_from(store_->state().last_seq + 1);
  report_usage();
  std::deque<std::pair<Ticket, Synced>> waiting;
  waiting.swap(syncing_);
  for (auto& [ticket, then] : waiting) {
    if (ticket >= from) {
      then(&error);
    } else {
      syncing_.emplace_back(ticket, std::move(then));
    }
  }
}

void Stream::when_synced(Ticket ticket, Synced then) {
  if (ticket <= store_->synced()) return then(nullptr);
  syncing_.emplace_back(ticket, std::move(then));
}

}  // namespace natrix::jetstream::stream
