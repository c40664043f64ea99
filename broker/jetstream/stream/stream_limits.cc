// What a stream lets go: limits, roll-ups, age, expiry of single messages and the markers it
// leaves.
#include "broker/jetstream/stream/stream.h"

namespace natrix::jetstream::stream {

namespace {

constexpr int64_t kSecond = 1'000'000'000;
// Messages removed by age in one go before others get their turn.
constexpr int kExpireAtOnce = 1000;

}  // namespace

void Stream::removed(Seq first, Seq last) {
  ++removals_;
  highest_removed_ = std::max(highest_removed_, last);
  observers_.for_each([&](Observer& observer) { observer.on_removed(first, last); });
}

void Stream::forget_schedules(Seq first, Seq last) {
  if (schedules_.empty()) return;
  schedules_.forget_range(first, last, [this](Seq seq) { return store_->contains(seq); });
}

bool Stream::remove(Seq seq, storage::Erase erase) {
  auto gone = store_->remove(seq, erase);
  if (!gone) return false;
  if (!schedules_.empty()) schedules_.forget(seq);
  ++removals_;
  highest_removed_ = std::max(highest_removed_, seq);
  return true;
}

void Stream::roll_up(const Waiting& waiting) {
  storage::PurgeRequest request;
  if (waiting.rollup == Rollup::kSubject) {
    request.filter = storage::Filter(waiting.subject());
  }
  request.below = waiting.seq;
  Seq first = store_->state().first_seq;
  auto gone = store_->purge(request);
  if (!gone || gone->messages == 0) return;
  removed(first, waiting.seq - 1);
  if (waiting.rollup == Rollup::kSubject) {
    schedules_.forget_subject(waiting.subject());
  } else {
    forget_schedules(first, waiting.seq - 1);
  }
}

// Called for every message that has been synced: what came before it has been trimmed already, so
// that at most as many go as have come.
void Stream::enforce_subject(std::string_view subject, uint32_t unsynced) {
  auto most = static_cast<uint64_t>(config_.max_msgs_per_subject);
  storage::SubjectState state = store_->subject(subject);
  uint64_t synced = state.messages - std::min<uint64_t>(state.messages, unsynced);
  while (synced > most && remove(state.first_seq)) {
    if (--synced > most) state = store_->subject(subject);
  }
}

// Only what is synced displaces older messages: what is not may yet fail.
void Stream::enforce_limits() {
  if (config_.max_msgs <= 0 && config_.max_bytes <= 0) return;
  for (;;) {
    storage::StreamState state = store_->state();
    uint64_t messages = state.messages - std::min(state.messages, unsynced_messages_);
    uint64_t bytes = state.bytes - std::min(state.bytes, unsynced_bytes_);
    bool over = (config_.max_msgs > 0 && messages > static_cast<uint64_t>(config_.max_msgs)) ||
                (config_.max_bytes > 0 && bytes > static_cast<uint64_t>(config_.max_bytes));
    if (!over || messages == 0 || !remove(state.first_seq)) return;
  }
}

void Stream::arm_age() {
  if (config_.max_age <= 0) return age_alarm_->clear();
  storage::StreamState state = store_->state();
  // An empty stream needs looking at when its first message may be old enough.
  int64_t due = state.messages == 0 ? config_.max_age
                                    : state.first_time + config_.max_age - environment_.now();
  age_alarm_->set(std::max<int64_t>(due, 0));
}

void Stream::arm_expiry() {
  if (!config_.allow_msg_ttl) return expiry_alarm_->clear();
  auto next = store_->next_expiry();
  if (!next) return expiry_alarm_->clear();
  expiry_alarm_->set(std::max<int64_t>(next->time - environment_.now(), 0));
}

bool Stream::never_expires(Seq seq) {
  if (!config_.allow_msg_ttl) return false;
  auto message = store_->load(seq);
  if (!message || message->headers.empty()) return false;
  auto ttl = find_header(message->headers, "Nats-TTL");
  if (!ttl) return false;
  auto seconds = parse_ttl(*ttl);
  return seconds && *seconds == kNeverExpires;
}

void Stream::on_age() {
  int64_t oldest = environment_.now() - config_.max_age;
  Seq kept = 0;
  int64_t next = 0;
  for (int i = 0; i < kExpireAtOnce; ++i) {
    Seq seq = store_->next_seq({}, kept + 1);
    if (seq == 0 || seq > visible()) break;
    int64_t time = store_->time_of(seq);
    if (time > oldest) {
      next = time - oldest;
      break;
    }
    if (never_expires(seq)) {
      kept = seq;
    } else {
      expire(seq, "MaxAge");
    }
  }
  report_usage();
  if (kept == 0) return arm_age();
  age_alarm_->set(next > 0 ? next : std::min<int64_t>(config_.max_age, kSecond));
}

void Stream::on_expiry() {
  int64_t now = environment_.now();
  for (int i = 0; i < kExpireAtOnce; ++i) {
    auto next = store_->next_expiry();
    if (!next || next->time > now || next->seq > visible()) break;
    expire(next->seq, "MaxAge");
  }
  report_usage();
  arm_expiry();
}

namespace {

// A marker of the server or of a key-value store: who watches has been told.
bool is_marker(std::string_view headers) {
  return find_header(headers, "Nats-Marker-Reason").has_value() ||
         find_header(headers, "KV-Operation") == "PURGE";
}

}  // namespace

void Stream::expire(Seq seq, std::string_view reason) {
  std::string last_of_subject;
  if (config_.subject_delete_marker_ttl > 0) {
    auto message = store_->load(seq);
    if (message && !is_marker(message->headers) &&
        store_->subject(message->subject).messages == 1) {
      last_of_subject = message->subject;
    }
  }
  if (!remove(seq)) return;
  if (!last_of_subject.empty()) append_marker(last_of_subject, reason);
}

// Tells who watches the subject that its last message has gone; goes away itself after a while.
void Stream::append_marker(const std::string& subject, std::string_view reason) {
  int64_t ttl = config_.subject_delete_marker_ttl / kSecond;
  std::string headers;
  add_header(headers, "Nats-Marker-Reason", reason);
  add_header(headers, "Nats-TTL", std::to_string(ttl) + "s");
  add_header(headers, "Nats-Rollup", "sub");
  int64_t now = environment_.now();
  auto appended = store_->append({subject, headers, {}, now, now + ttl * kSecond, {}});
  if (!appended) return;
  wait({.ticket = appended->ticket,
        .seq = appended->seq,
        .bytes = static_cast<uint32_t>(stored_size(subject.size(), headers.size(), 0)),
        .subject_size = static_cast<uint32_t>(subject.size()),
        .text = subject});
}

}  // namespace natrix::jetstream::stream
