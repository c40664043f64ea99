#include "broker/jetstream/stream/origin.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "broker/crypto/server_id.h"
#include "broker/jetstream/model/codec.h"
#include "broker/jetstream/model/origin_rules.h"
#include "broker/jetstream/stream/headers.h"
#include "broker/subject/tokens.h"

namespace natrix::jetstream::stream {

using model::Err;

namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMillisecond;
// As nats-server: heartbeats of the consumer, silence after which it is given up, the shortest time
// between two questions, how long an answer may take.
constexpr int64_t kHeartbeat = 1 * kSecond;
constexpr int64_t kStalled = 10 * kSecond;
constexpr int64_t kBetweenQuestions = 2 * kSecond;
constexpr int64_t kAnswerWait = 30 * kSecond;
constexpr int64_t kBackOff = 10 * kSecond;  // more with each refusal
constexpr int64_t kMaxBackOff = 120 * kSecond;
// While nobody answers the API there: it has not started, or is not connected.
constexpr int64_t kNobodyThere = 250 * kMillisecond;
constexpr int64_t kAckWait = 22 * 3600 * kSecond;
constexpr size_t kIdLength = 8;
constexpr std::string_view kStatus = "NATS/1.0 100";

template <class Int>
bool read(std::string_view text, Int& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<DeliveryInfo> parse_delivery(std::string_view reply) {
  if (!reply.starts_with("$JS.ACK.")) return std::nullopt;
  std::vector<std::string_view> parts = split(reply, '.');
  // $JS.ACK.<stream>.<consumer>.… or $JS.ACK.<domain>.<account>.<stream>.<consumer>.…
  size_t at = 0;
  if (parts.size() == 9) {
    at = 4;
  } else if (parts.size() >= 11) {
    at = 6;
  } else {
    return std::nullopt;
  }
  DeliveryInfo info;
  bool ok = read(parts[at], info.deliveries) && read(parts[at + 1], info.stream_seq) &&
            read(parts[at + 2], info.consumer_seq) && read(parts[at + 3], info.time) &&
            read(parts[at + 4], info.pending);
  if (!ok) return std::nullopt;
  return info;
}

std::optional<SourceMark> parse_source_mark(std::string_view value) {
  std::vector<std::string_view> parts = split(value, ' ');
  SourceMark mark;
  if (parts.size() < 2 || parts.size() == 3 || !read(parts[1], mark.seq)) return std::nullopt;
  mark.name = parts[0];
  if (parts.size() >= 4) mark.index = fmt::format("{} {} {}", parts[0], parts[2], parts[3]);
  return mark;
}

Origin::Origin(Environment& environment, OriginSink& sink, Kind kind, model::StreamSource config,
               OriginReader reader, storage::Seq taken)
    : environment_(environment),
      sink_(sink),
      kind_(kind),
      config_(std::move(config)),
      reader_(std::move(reader)),
      index_(model::source_index(config_)),
      id_(random_token(kIdLength)),
      taken_(taken) {
  for (const model::SubjectTransform& one : config_.transforms) {
    if (one.destination.empty()) continue;
    auto made = subject::Transform::make(one.source.empty() ? ">" : one.source, one.destination);
    if (made) transforms_.push_back(std::move(*made));
  }
  alarm_ = environment_.alarm([this] { on_alarm(); });
}

Origin::~Origin() {
  *alive_ = false;
}

void Origin::start() {
  alarm_->set(0);
}

void Origin::report() {
  if (state_ == State::kRunning) sink_.behind(*this, lag_);
}

void Origin::end() {
  alarm_->clear();
  state_ = State::kResting;
  deliveries_.reset();
  answers_.reset();
  if (consumer_.empty()) return;
  environment_.publish({.to = api(fmt::format("CONSUMER.DELETE.{}.{}", config_.name, consumer_))});
}

std::string Origin::renamed(std::string_view subject) const {
  for (const subject::Transform& one : transforms_) {
    if (auto other = one.apply(subject)) return *other;
  }
  return std::string(subject);
}

std::string Origin::mark(const OriginMessage& message) const {
  size_t name = index_.find(' ');
  return fmt::format("{} {} {} {}", index_.substr(0, name), message.seq, index_.substr(name + 1),
                     message.subject);
}

model::StreamSourceInfo Origin::info() const {
  model::StreamSourceInfo info;
  info.name = config_.name;
  info.external = config_.external;
  info.lag = lag_;
  if (heard_at_ != 0) info.active = environment_.steady_now() - heard_at_;
  info.error = error_;
  info.filter_subject = config_.filter_subject;
  info.transforms = config_.transforms;
  return info;
}

std::string Origin::api(std::string_view what) const {
  std::string prefix = "$JS.API";
  if (config_.external && !config_.external->api_prefix.empty()) {
    prefix = config_.external->api_prefix;
  }
  while (prefix.ends_with('.')) prefix.pop_back();
  return fmt::format("{}.{}", prefix, what);
}

// Each consumer has its own: what an earlier one still sends is not heard.
std::string Origin::deliver_subject() const {
  std::string prefix = "$JS";
  if (config_.external && !config_.external->deliver_prefix.empty()) {
    prefix = config_.external->deliver_prefix;
  }
  return fmt::format("{}.{}.{}", prefix, kind_ == Kind::kMirror ? 'M' : 'S',
                     random_token(kIdLength));
}

model::ConsumerRequest Origin::consumer_request() const {
  model::ConsumerRequest request;
  request.stream = config_.name;
  model::ConsumerConfig& c = request.config;
  const char* kind = kind_ == Kind::kMirror ? "MIRROR" : "SOURCE";
  c.name = fmt::format("JS_{}_{}", kind, id_);
  // Consumers for sourcing take the place of their predecessors, others need a name of their own.
  if (!sourcing_) c.name += "_" + random_token(kIdLength);
  c.deliver_subject = deliver_subject();
  c.ack_wait = kAckWait;
  c.max_deliver = 1;
  c.heartbeat = kHeartbeat;
  c.flow_control = true;
  c.direct = true;
  c.sourcing = sourcing_;
  c.inactive_threshold = kStalled;
  std::string metadata = kind_ == Kind::kMirror ? "_nats.mirror." : "_nats.source.";
  c.metadata[metadata + "stream"] = reader_.stream;
  if (!reader_.domain.empty()) c.metadata[metadata + "domain"] = reader_.domain;
  if (taken_ > 0) {
    c.start_seq = taken_ + 1;
  } else if (config_.start_seq > 0) {
    c.start_seq = config_.start_seq;
  } else if (config_.start_time) {
    c.start_time = config_.start_time;
    c.deliver_policy = model::DeliverPolicy::kByStartTime;
  }
  if (c.start_seq > 0) c.deliver_policy = model::DeliverPolicy::kByStartSequence;
  c.filter_subject = config_.filter_subject;
  for (const model::SubjectTransform& one : config_.transforms) {
    c.filter_subjects.push_back(one.source.empty() ? ">" : one.source);
  }
  // The filter can then be part of the request's subject.
  if (c.filter_subjects.size() == 1) {
    c.filter_subject = c.filter_subjects.front();
    c.filter_subjects.clear();
  }
  return request;
}

void Origin::ask() {
  model::ConsumerRequest request = consumer_request();
  const model::ConsumerConfig& config = request.config;
  std::string subject = api("CONSUMER.CREATE." + request.stream);
  if (!config.filter_subject.empty()) {
    subject += fmt::format(".{}.{}", config.name, config.filter_subject);
  }
  deliveries_.reset();
  answers_.reset();
  if (!environment_.has_interest(subject, {})) return alarm_->set(kNobodyThere);
  state_ = State::kAsking;
  consumer_seq_ = 0;
  consumer_ = config.name;
  asked_at_ = environment_.steady_now();
  deliveries_ = environment_.listen(config.deliver_subject, {},
                                    [this](const core::Message& message) { on_delivery(message); });
  std::string reply = fmt::format("$JSC.R.{}", random_token(kIdLength));
  answers_ =
      environment_.listen(reply, {}, [this](const core::Message& message) { on_answer(message); });
  // Only servers that know the field may take the request.
  std::string_view level = "NATS/1.0\r\nNats-Required-Api-Level: 4\r\n\r\n";
  environment_.publish({.to = subject,
                        .reply = reply,
                        .headers = sourcing_ ? level : std::string_view{},
                        .payload = model::to_text(request)});
  alarm_->set(kAnswerWait);
}

void Origin::on_answer(const core::Message& message) {
  if (state_ != State::kAsking) return;
  model::ConsumerAnswer answer;
  auto read = model::from_text(message.payload(), answer, model::Strictness::kLenient);
  if (!read) return refused(read.error());
  if (answer.error) {
    bool unknown = answer.error->is(Err::kApiLevel) || answer.error->is(Err::kInvalidJson);
    if (!sourcing_ || !unknown) return refused(std::move(*answer.error));
    sourcing_ = false;
    state_ = State::kResting;
    return alarm_->set(0);
  }
  state_ = State::kRunning;
  failures_ = 0;
  error_.reset();
  heard_at_ = environment_.steady_now();
  if (consumer_seq_ == 0) {
    lag_ = answer.pending;
    sink_.behind(*this, lag_);
  }
  alarm_->set(kStalled);
}

void Origin::refused(model::ApiError error) {
  error_ = std::move(error);
  ++failures_;
  ask_again();
}

void Origin::ask_again() {
  state_ = State::kResting;
  int64_t since = environment_.steady_now() - asked_at_;
  int64_t delay = asked_at_ == 0 ? 0 : std::max<int64_t>(kBetweenQuestions - since, 0);
  delay +=
      std::min(kBackOff * static_cast<int64_t>(std::min<uint64_t>(failures_, 12)), kMaxBackOff);
  alarm_->set(delay);
}

void Origin::on_alarm() {
  switch (state_) {
    case State::kResting:
      return ask();
    case State::kAsking:
      ++failures_;
      return ask_again();
    case State::kRunning:
      answers_.reset();
      int64_t silent = environment_.steady_now() - heard_at_;
      if (silent < kStalled) return alarm_->set(kStalled - silent);
      failures_ = 0;
      return ask_again();
  }
}

void Origin::on_delivery(const core::Message& message) {
  if (state_ == State::kResting) return;
  heard_at_ = environment_.steady_now();
  if (message.header().starts_with(kStatus)) return on_status(message);
  auto info = parse_delivery(message.reply());
  if (!info || info->deliveries > 1) return;
  // A gap in what was sent is not one in the origin.
  if (info->consumer_seq != consumer_seq_ + 1) return ask_again();
  consumer_seq_ = info->consumer_seq;
  if (info->stream_seq > taken_) {
    auto stored = sink_.take(*this, {message.subject(), message.header(), message.payload(),
                                     info->stream_seq, info->time});
    if (!stored) {
      error_ = stored.error();
      return ask_again();
    }
    taken_ = info->stream_seq;
  }
  lag_ = info->pending;
  sink_.behind(*this, lag_);
}

void Origin::on_status(const core::Message& message) {
  if (!message.reply().empty()) return answer_flow_control(message.reply());
  auto last = find_header(message.header(), "Nats-Last-Consumer");
  auto number = last ? parse_number(*last) : std::nullopt;
  if (number && *number > 0 && *number != consumer_seq_) return ask_again();
  auto stalled = find_header(message.header(), "Nats-Consumer-Stalled");
  if (stalled && subject::is_valid_literal(*stalled)) answer_flow_control(*stalled);
}

// More may come when what has come is safe.
void Origin::answer_flow_control(std::string_view reply) {
  sink_.when_taken([this, alive = alive_, to = std::string(reply)] {
    if (*alive && state_ != State::kResting) environment_.publish({.to = to});
  });
}

}  // namespace natrix::jetstream::stream
