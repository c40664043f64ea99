// Delivering: which message is next, to whom, and what is noted about it.
#include <fmt/format.h>

#include <charconv>

#include "broker/jetstream/consumer/consumer.h"

namespace natrix::jetstream::consumer {

using model::AckPolicy;

namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMillisecond;
// Deliveries of one consumer before others get their turn.
constexpr int kAtOnce = 256;
// How long a consumer waits for receivers that fall behind.
constexpr int64_t kCongestionPause = 5 * kMillisecond;

}  // namespace

void Consumer::run() {
  if (closed_) return;
  if (later_alarm_ && later_alarm_->is_set()) return;
  Step step = Step::kDelivered;
  run_now_ = environment_.now();
  run_steady_now_ = environment_.steady_now();
  for (int i = 0; i < kAtOnce && step == Step::kDelivered; ++i) step = deliver_one();
  if (closed_) return;
  if (step == Step::kDelivered) wake();
  if (!config_.is_push()) review_pulls(step == Step::kNothing);
}

bool Consumer::ack_window_full() const {
  return config_.max_ack_pending > 0 && config_.ack_policy != AckPolicy::kNone &&
         static_cast<int64_t>(store_->state().pending_count()) >= config_.max_ack_pending;
}

Consumer::Step Consumer::deliver_one() {
  if (paused()) return Step::kBlocked;
  if (config_.is_push()) {
    if (!active_ || (window_ > 0 && outstanding_ > window_)) return Step::kBlocked;
  } else if (pulls_.empty()) {
    return Step::kBlocked;
  }
  std::optional<Next> next = next_to_redeliver();
  if (!next) {
    if (ack_window_full()) return Step::kBlocked;
    next = next_fresh();
  }
  if (!next) return Step::kNothing;
  uint64_t behind = pending();
  if (next->deliveries == 1 && behind > 0) --behind;
  std::string_view ack_subject = make_ack_subject(*next, behind);
  size_t bytes = next->message.subject.size() + ack_subject.size() + next->message.headers.size() +
                 (config_.headers_only ? 0 : next->message.payload.size());
  if (int64_t delay = pace(*next, bytes); delay > 0) {
    arm(later_alarm_, &Consumer::wake, delay);
    return Step::kLater;
  }
  if (!config_.is_push()) {
    return deliver_to_pull(*next, bytes, behind, ack_subject) ? Step::kDelivered : Step::kBlocked;
  }
  deliver(*next, config_.deliver_subject, ack_subject);
  made(*next);
  if (window_ > 0) sent_bytes(bytes);
  last_push_ = run_steady_now_;
  return later_alarm_ && later_alarm_->is_set() ? Step::kLater : Step::kDelivered;
}

std::optional<Consumer::Next> Consumer::next_to_redeliver() {
  while (!redeliver_.empty()) {
    Seq seq = redeliver_.front();
    const storage::PendingAck* entry = store_->state().pending(seq);
    bool drop = entry == nullptr || !redelivering_.contains(seq);
    if (!drop && config_.max_deliver > 0 && entry->deliveries >= config_.max_deliver) {
      exceeded(*entry);
      drop = true;
    }
    if (!drop) {
      auto message = stream_.store().load(seq);
      if (message) return Next{std::move(*message), entry->deliveries + 1, false};
      // What is damaged will not come any more either.
      if (message.error().kind != storage::StorageErrorKind::kNotFound &&
          message.error().kind != storage::StorageErrorKind::kDamaged) {
        return std::nullopt;
      }
      store_->acknowledge(seq);
    }
    redelivering_.erase(seq);
    redeliver_.pop_front();
  }
  return std::nullopt;
}

std::optional<Consumer::Next> Consumer::next_fresh() {
  while (!last_messages_.empty()) {
    auto message = stream_.store().load(last_messages_.front());
    if (message) return Next{std::move(*message), 1, true};
    last_messages_.pop_front();
    pending_known_ = false;
  }
  if (next_ > stream_.visible()) return std::nullopt;
  auto message = stream_.store().load_next(filter_, next_);
  if (!message) {
    if (message.error().kind == storage::StorageErrorKind::kNotFound) {
      next_ = stream_.store().state().last_seq + 1;
    }
    return std::nullopt;
  }
  if (message->seq > stream_.visible()) {
    next_ = message->seq;
    return std::nullopt;
  }
  return Next{std::move(*message), 1, false};
}

uint64_t Consumer::pending() {
  bool moved = removals_seen_ != stream_.removals() && stream_.highest_removed() >= next_;
  if (!pending_known_ || moved) {
    pending_ = stream_.store().pending(filter_, next_).messages;
    Seq visible = stream_.visible();
    if (visible < stream_.store().state().last_seq) {
      pending_ -= stream_.store().pending(filter_, std::max(next_, visible + 1)).messages;
    }
    pending_known_ = true;
  }
  removals_seen_ = stream_.removals();
  return pending_ + last_messages_.size();
}

std::string_view Consumer::make_ack_subject(const Next& next, uint64_t pending_after) {
  constexpr size_t kLongestNumber = 20;
  uint64_t consumer_seq = store_->state().delivered().consumer + 1;
  if (ack_subject_.empty()) {
    ack_subject_ = ack_prefix_;
    ack_subject_.resize(ack_prefix_.size() + 5 * (kLongestNumber + 1));
  }
  char* at = ack_subject_.data() + ack_prefix_.size();
  auto put = [&at](auto number) { at = std::to_chars(at, at + kLongestNumber, number).ptr; };
  put(next.deliveries);
  for (uint64_t number : {next.message.seq, consumer_seq}) {
    *at++ = '.';
    put(number);
  }
  *at++ = '.';
  put(next.message.time);
  *at++ = '.';
  put(pending_after);
  return {ack_subject_.data(), static_cast<size_t>(at - ack_subject_.data())};
}

void Consumer::deliver(const Next& next, std::string_view to, std::string_view ack_subject) {
  const storage::StoredMessage& message = next.message;
  Outgoing out{.to = to,
               .subject = message.subject,
               .reply = ack_subject,
               .headers = message.headers,
               .payload = message.payload};
  std::string headers;
  if (config_.headers_only) {
    headers = message.headers;
    stream::add_header(headers, "Nats-Msg-Size", std::to_string(message.payload.size()));
    out.headers = headers;
    out.payload = {};
  }
  if (!pin_id_.empty()) {
    if (headers.empty()) headers = message.headers;
    stream::add_header(headers, "Nats-Pin-Id", pin_id_);
    out.headers = headers;
  }
  Environment::Sent sent = environment_.publish(out);
  if (sent.congested) arm(later_alarm_, &Consumer::wake, kCongestionPause);
}

// Notes that the message has been handed out.
void Consumer::made(const Next& next) {
  Seq seq = next.message.seq;
  bool ack_needed = config_.ack_policy != AckPolicy::kNone;
  if (next.deliveries > 1) {
    redeliver_.pop_front();
    redelivering_.erase(seq);
  } else if (next.from_list) {
    last_messages_.pop_front();
  } else {
    next_ = seq + 1;
    if (pending_known_ && pending_ > 0) --pending_;
  }
  uint64_t consumer_seq = store_->state().delivered().consumer + 1;
  store_->deliver({consumer_seq, seq}, next.deliveries, run_now_, ack_needed);
  last_active_ = run_now_;
  if (ack_needed) {
    if (!ack_alarm_ || !ack_alarm_->is_set()) arm_ack_wait(ack_wait(next.deliveries));
  } else {
    stream_.acknowledged(*this, seq);
  }
}

// How long the delivery has to wait for the rate limit or for the time the message was published
// at, in the replay of what was there in the beginning.
int64_t Consumer::pace(const Next& next, size_t bytes) {
  bool replays = config_.replay_policy == model::ReplayPolicy::kOriginal;
  if (!replays && config_.rate_limit_bps == 0) return 0;
  int64_t now = environment_.steady_now();
  if (replays && next.deliveries == 1 && next.message.seq <= replay_until_) {
    if (replayed_time_ != 0) {
      int64_t due = replayed_at_ + (next.message.time - replayed_time_);
      if (due - now > kMillisecond) return due - now;
    }
    replayed_time_ = next.message.time;
    replayed_at_ = now;
  }
  if (config_.rate_limit_bps == 0) return 0;
  // A second's worth may be saved up.
  auto rate = static_cast<double>(config_.rate_limit_bps);
  double saved = tokens_at_ == 0 ? rate
                                 : static_cast<double>(tokens_) +
                                       static_cast<double>(now - tokens_at_) / kSecond * rate;
  saved = std::min(saved, rate);
  tokens_at_ = now;
  // A message larger than a second's worth goes out when that much is there.
  double cost = std::min(static_cast<double>(bytes) * 8, rate);
  if (saved < cost) {
    tokens_ = static_cast<uint64_t>(saved);
    return static_cast<int64_t>((cost - saved) / rate * kSecond) + 1;
  }
  tokens_ = static_cast<uint64_t>(saved - cost);
  return 0;
}

void Consumer::exceeded(const storage::PendingAck& entry) {
  const std::string& stream = stream_.config().name;
  host_.advise(fmt::format("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{}.{}", stream, name()),
               "io.nats.jetstream.advisory.v1.max_deliver",
               fmt::format(R"("stream":"{}","consumer":"{}","stream_seq":{},"deliveries":{})",
                           stream, name(), entry.stream_seq, entry.deliveries));
  store_->acknowledge(entry.stream_seq);
}

}  // namespace natrix::jetstream::consumer
