// Acknowledgements, and what happens when they do not come (wire.md 11.2).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "broker/base/duration.h"
#include "broker/jetstream/consumer/consumer.h"
#include "broker/jetstream/model/codec.h"
#include "broker/jetstream/model/consumer_rules.h"

namespace natrix::jetstream::consumer {

using model::AckPolicy;

namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMillisecond;

struct AckSubject {
  uint64_t deliveries = 0;
  Seq stream_seq = 0;
  uint64_t consumer_seq = 0;
};

// "$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>"
std::optional<AckSubject> parse_ack_subject(std::string_view subject, size_t prefix) {
  AckSubject ack;
  uint64_t* const numbers[] = {&ack.deliveries, &ack.stream_seq, &ack.consumer_seq};
  const char* at = subject.data() + prefix;
  const char* end = subject.data() + subject.size();
  for (uint64_t* number : numbers) {
    auto [rest, error] = std::from_chars(at, end, *number);
    if (error != std::errc() || rest == end || *rest != '.') return std::nullopt;
    at = rest + 1;
  }
  return ack;
}

std::string_view trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

void Consumer::on_ack(const core::Message& message) {
  std::string_view body = message.payload();
  std::string_view reply = message.reply();
  auto ack = parse_ack_subject(message.subject(), ack_prefix_.size());
  if (!ack) return;
  if (body.empty() || body == "+ACK" || body == "+OK") {
    acknowledge(ack->stream_seq, ack->consumer_seq);
    sample(ack->stream_seq, ack->consumer_seq, ack->deliveries);
  } else if (body.starts_with("+NXT")) {
    acknowledge(ack->stream_seq, ack->consumer_seq);
    if (!reply.empty()) add_pull(reply, body.substr(4));
    return;
  } else if (body.starts_with("-NAK")) {
    negative(ack->stream_seq, ack->consumer_seq, ack->deliveries, trim(body.substr(4)));
  } else if (body == "+WPI") {
    store_->touch(ack->stream_seq, environment_.now());
  } else if (body.starts_with("+TERM")) {
    terminate(ack->stream_seq, ack->consumer_seq, ack->deliveries, trim(body.substr(5)));
  }
  if (!reply.empty()) answer_ack(reply);
}

void Consumer::acknowledge(Seq seq, uint64_t consumer_seq) {
  // What was never delivered cannot be acknowledged.
  if (consumer_seq > store_->state().delivered().consumer) return;
  bool was_full = ack_window_full();
  bool any =
      config_.ack_policy == AckPolicy::kAll ? acknowledge_through(seq) : acknowledge_one(seq);
  if (!any) return;
  last_ack_ = environment_.now();
  if (config_.inactive_threshold > 0) last_pull_ = environment_.steady_now();
  if (was_full) wake();
}

bool Consumer::acknowledge_through(Seq seq) {
  std::vector<Seq> done;
  store_->state().each_pending([&](const storage::PendingAck& entry) {
    if (entry.stream_seq > seq) return false;
    done.push_back(entry.stream_seq);
    return true;
  });
  if (done.empty()) return false;
  store_->acknowledge_through(seq);
  for (Seq one : done) let_go(one);
  return true;
}

bool Consumer::acknowledge_one(Seq seq) {
  if (!store_->acknowledge(seq)) return false;
  let_go(seq);
  return true;
}

void Consumer::let_go(Seq seq) {
  if (!redelivering_.empty()) redelivering_.erase(seq);
  if (stream_.config().retention != model::Retention::kLimits) stream_.acknowledged(*this, seq);
}

void Consumer::answer_ack(std::string_view reply) {
  stream_.when_synced(store_->flush(), [this, to = std::string(reply)](const auto* error) {
    if (error == nullptr) environment_.publish({.to = to});
  });
}

void Consumer::negative(Seq seq, uint64_t consumer_seq, uint64_t deliveries,
                        std::string_view argument) {
  if (store_->state().pending(seq) == nullptr) return;
  const std::string& stream = stream_.config().name;
  host_.advise(
      fmt::format("$JS.EVENT.ADVISORY.CONSUMER.MSG_NAKED.{}.{}", stream, name()),
      "io.nats.jetstream.advisory.v1.nak",
      fmt::format(
          R"("stream":"{}","consumer":"{}","consumer_seq":{},"stream_seq":{},"deliveries":{})",
          stream, name(), consumer_seq, seq, deliveries));
  if (!argument.empty()) {
    std::optional<int64_t> delay;
    if (argument[0] == '{') {
      delay = model::parse_delay(argument);
    } else if (auto duration = parse_duration(argument)) {
      delay = duration->count();
    }
    if (delay) {
      // As if it had been delivered so that its time is up after the delay.
      redelivering_.erase(seq);
      int64_t wait = ack_wait(store_->state().pending(seq)->deliveries);
      store_->touch(seq, environment_.now() + *delay - wait);
      return arm_ack_wait(*delay);
    }
  }
  redeliver(seq);
  wake();
}

void Consumer::terminate(Seq seq, uint64_t consumer_seq, uint64_t deliveries,
                         std::string_view reason) {
  if (store_->state().pending(seq) == nullptr) return;
  acknowledge(seq, consumer_seq);
  const std::string& stream = stream_.config().name;
  std::string fields = fmt::format(
      R"("stream":"{}","consumer":"{}","consumer_seq":{},"stream_seq":{},"deliveries":{})", stream,
      name(), consumer_seq, seq, deliveries);
  if (!reason.empty()) fields += fmt::format(",\"reason\":{}", model::quoted(reason));
  host_.advise(fmt::format("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{}.{}", stream, name()),
               "io.nats.jetstream.advisory.v1.terminated", fields);
}

void Consumer::sample(Seq seq, uint64_t consumer_seq, uint64_t deliveries) {
  if (config_.sample_frequency.empty()) return;
  auto percent = model::sample_percent(config_.sample_frequency);
  if (!percent || *percent <= 0) return;
  // Every n-th by its number: evenly spread, and the same messages whoever counts.
  if (*percent < 100 &&
      consumer_seq * static_cast<uint64_t>(*percent) % 100 >= static_cast<uint64_t>(*percent)) {
    return;
  }
  const std::string& stream = stream_.config().name;
  int64_t since = last_active_ == 0 ? 0 : environment_.now() - last_active_;
  host_.advise(
      fmt::format("$JS.EVENT.METRIC.CONSUMER.ACK.{}.{}", stream, name()),
      "io.nats.jetstream.metric.v1.consumer_ack",
      fmt::format(
          R"("stream":"{}","consumer":"{}","consumer_seq":{},"stream_seq":{},"ack_time":{},"deliveries":{})",
          stream, name(), consumer_seq, seq, since, deliveries));
}

int64_t Consumer::ack_wait(uint32_t deliveries) const {
  if (config_.backoff.empty()) return config_.ack_wait;
  size_t at = std::min<size_t>(std::max(deliveries, 1u) - 1, config_.backoff.size() - 1);
  return config_.backoff[at];
}

// Looks at what is pending after `nanos`, or earlier if it would have done so anyway.
void Consumer::arm_ack_wait(int64_t nanos) {
  if (nanos <= 0 && config_.ack_wait <= 0) return;
  arm(ack_alarm_, &Consumer::on_ack_wait, std::max(nanos, kMillisecond));
}

void Consumer::redeliver(Seq seq) {
  if (redelivering_.insert(seq).second) redeliver_.push_back(seq);
}

// Deliveries are noted with the wall clock, which goes on when the server does not run. When it is
// set back they would lie in the future, and what they deliver would not come again before the
// clock is there. A clock that is set forward needs nothing: messages come again too soon.
void Consumer::follow_clock() {
  int64_t offset = environment_.now() - environment_.steady_now();
  int64_t jump = offset - clock_offset_;
  clock_offset_ = offset;
  if (jump < -kSecond) move_future_deliveries(jump);
}

void Consumer::move_future_deliveries(int64_t nanos) {
  int64_t now = environment_.now();
  std::vector<storage::PendingAck> moved;
  store_->state().each_pending([&](const storage::PendingAck& entry) {
    if (entry.time > now) moved.push_back(entry);
    return true;
  });
  for (const storage::PendingAck& entry : moved) {
    store_->touch(entry.stream_seq, entry.time + nanos);
  }
}

void Consumer::on_ack_wait() {
  if (closed_ || config_.ack_wait <= 0) return;
  follow_clock();
  int64_t now = environment_.now();
  int64_t next = INT64_MAX;
  std::vector<Seq> late;
  store_->state().each_pending([&](const storage::PendingAck& entry) {
    if (redelivering_.contains(entry.stream_seq)) return true;
    int64_t left = entry.time + ack_wait(entry.deliveries) - now;
    if (left > 0) {
      next = std::min(next, left);
    } else {
      late.push_back(entry.stream_seq);
    }
    return true;
  });
  for (Seq seq : late) redeliver(seq);
  // Whether a message has been delivered often enough is found out when it would be delivered
  // again, as in nats-server: with a pull consumer that is when somebody asks.
  if (!late.empty()) wake();
  if (store_->state().pending_count() == 0) return;
  // Many messages that run out one after the other are looked at in groups.
  int64_t group = store_->state().pending_count() > 10'000 ? 10 * kMillisecond : kMillisecond;
  arm(ack_alarm_, &Consumer::on_ack_wait, next == INT64_MAX ? ack_wait(1) : std::max(next, group));
}

}  // namespace natrix::jetstream::consumer
