// What follows when messages have been synced or could not be: limits, answers, consumers,
// republishing.
#include <fmt/format.h>

#include <charconv>

#include "broker/jetstream/model/codec.h"
#include "broker/jetstream/stream/stream.h"

namespace natrix::jetstream::stream {

using model::Err;

void Stream::answer(std::string_view reply, Seq seq, std::string_view tail) {
  if (reply.empty()) return;
  constexpr size_t kLongestNumber = 20;
  char number[kLongestNumber];
  fmt::basic_memory_buffer<char, 512> text;
  text.append(ack_start_);
  text.append(number, std::to_chars(number, number + kLongestNumber, seq).ptr);
  text.append(ack_end_);
  text.append(tail);
  text.push_back('}');
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
  if (waiting_.empty() && waiting.ticket <= store_->synced()) {
    complete(waiting, 0);
    return report_usage();
  }
  if (waiting.stored) {
    ++unsynced_messages_;
    unsynced_bytes_ += waiting.bytes;
    if (config_.max_msgs_per_subject > 0) {
      auto entry = unsynced_subjects_.find(waiting.subject());
      if (entry == unsynced_subjects_.end()) {
        entry = unsynced_subjects_.emplace(waiting.subject(), 0).first;
      }
      waiting.unsynced = &entry->second;
      ++entry->second;
    }
  }
  waiting_bytes_ += waiting.bytes + waiting.text.size();
  waiting_.push_back(std::move(waiting));
  if (waiting_.front().ticket <= store_->synced()) complete_ready();
}

void Stream::complete_ready() {
  while (!waiting_.empty() && waiting_.front().ticket <= store_->synced()) {
    Waiting done = std::move(waiting_.front());
    waiting_.pop_front();
    uint32_t unsynced = done.unsynced == nullptr ? 0 : *done.unsynced - 1;
    no_longer_waits(done);
    complete(done, unsynced);
  }
  report_usage();
}

void Stream::no_longer_waits(const Waiting& waiting) {
  waiting_bytes_ -= waiting.bytes + waiting.text.size();
  if (!waiting.stored) return;
  --unsynced_messages_;
  unsynced_bytes_ -= waiting.bytes;
  if (waiting.unsynced == nullptr || --*waiting.unsynced > 0) return;
  // Some entries without a message cost less than making them again for the next one.
  constexpr size_t kKept = 8192;
  if (unsynced_subjects_.size() <= kKept) return;
  unsynced_subjects_.erase(unsynced_subjects_.find(waiting.subject()));
}

void Stream::complete(const Waiting& waiting, uint32_t unsynced_on_subject) {
  std::string_view tail = waiting.extra       ? std::string_view(waiting.extra->ack_tail)
                          : waiting.duplicate ? std::string_view(",\"duplicate\": true")
                                              : std::string_view{};
  if (!waiting.stored) {
    answer(waiting.reply(), waiting.seq, tail);
    if (waiting.extra) note_schedules(waiting);
    return;
  }
  if (waiting.rollup != Rollup::kNone) roll_up(waiting);
  if (config_.max_msgs_per_subject > 0) enforce_subject(waiting.subject(), unsynced_on_subject);
  enforce_limits();
  answer(waiting.reply(), waiting.seq, tail);
  observers_.for_each_match(waiting.subject(), [](Observer& observer) { observer.on_stored(); });
  if (republish_) republish(waiting);
  if (waiting.extra || !schedules_.empty()) note_schedules(waiting);
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
    no_longer_waits(one);
    if (one.extra && one.extra->schedule != 0) retry_schedule(one.extra->scheduler);
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
