// Publishing into a stream (wire.md 10): from the message that arrives to what is in the store. The
// answer comes when it is synced (stream_complete.cc).
#include "broker/jetstream/stream/stream.h"

namespace natrix::jetstream::stream {

using model::ApiResult;
using model::Err;

namespace {

constexpr int64_t kSecond = 1'000'000'000;

}  // namespace

model::ApiError Stream::store_error(const storage::StorageError& error) {
  switch (error.kind) {
    case storage::StorageErrorKind::kBusy:
      return model::api_error(Err::kTooManyRequests);
    case storage::StorageErrorKind::kFull:
      return model::api_error(Err::kStorageExceeded);
    default:
      return model::api_error(Err::kStoreFailed, error.message);
  }
}

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
  if (!draft.headers.empty()) draft.parsed = parse_publish_headers(draft.headers);
  draft.now = environment_.now();
  if (!draft.parsed.batch_id.empty()) return on_atomic(draft);
  publish(draft);
}

void Stream::rewrite_subject(Draft& draft) {
  if (!transform_) return;
  if (auto other = transform_->apply(draft.subject)) draft.subject = draft.keep(std::move(*other));
}

// One message for itself. False: it was refused, and its publisher told so.
bool Stream::publish(Draft& draft) {
  rewrite_subject(draft);
  auto judged = judge(draft, nullptr);
  if (!judged) {
    answer_error(draft.reply, judged.error());
    return false;
  }
  switch (judged->verdict) {
    case Verdict::kDuplicate:
      // Its first copy may still wait to be synced, and so does the answer.
      wait({.ticket = waiting_.empty() ? 0 : waiting_.back().ticket,
            .seq = judged->duplicate_of,
            .stored = false,
            .duplicate = true,
            .text = std::string(draft.reply)});
      return true;
    case Verdict::kUnwanted:
      return skip_without_interest(draft);
    case Verdict::kStore:
      return store(draft);
  }
  return false;
}

bool Stream::skip_without_interest(Draft& draft) {
  Seq seq = store_->state().last_seq + 1;
  auto skipped = store_->skip(seq);
  if (!skipped) {
    answer_error(draft.reply, store_error(skipped.error()));
    return false;
  }
  await_skip(draft, seq, *skipped);
  return true;
}

void Stream::await_skip(Draft& draft, Seq seq, Ticket ticket) {
  if (!draft.parsed.msg_id.empty()) duplicates_.add(draft.parsed.msg_id, seq, draft.now);
  wait({.ticket = ticket,
        .seq = seq,
        .stored = false,
        .text = std::string(draft.reply),
        .extra = std::move(draft.extra)});
}

storage::NewMessage Stream::stored_form(const Draft& draft) {
  int64_t expires = draft.ttl > 0 ? draft.now + draft.ttl * kSecond : 0;
  return {draft.subject, draft.headers, draft.payload, draft.now, expires, {}};
}

bool Stream::store(Draft& draft) {
  Seq previous = republish_ ? store_->subject(draft.subject).last_seq : 0;
  auto appended = store_->append(stored_form(draft));
  if (!appended) {
    answer_error(draft.reply, store_error(appended.error()));
    return false;
  }
  await_sync(draft, *appended, previous);
  return true;
}

// The message is in the store: the rest comes when it is synced.
void Stream::await_sync(Draft& draft, storage::Appended appended, Seq previous) {
  if (!draft.parsed.msg_id.empty()) {
    duplicates_.add(draft.parsed.msg_id, appended.seq, draft.now);
  }
  size_t bytes = stored_size(draft.subject.size(), draft.headers.size(), draft.payload.size());
  Waiting waiting{.ticket = appended.ticket,
                  .seq = appended.seq,
                  .previous_on_subject = previous,
                  .rollup = draft.parsed.rollup,
                  .bytes = static_cast<uint32_t>(bytes),
                  .subject_size = static_cast<uint32_t>(draft.subject.size()),
                  .text = std::string(draft.subject),
                  .extra = std::move(draft.extra)};
  waiting.text.append(draft.reply);
  wait(std::move(waiting));
  if (draft.ttl > 0) arm_expiry();
}

}  // namespace natrix::jetstream::stream
