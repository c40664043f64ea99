#include "broker/jetstream/consumer/consumer.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/jetstream/model/codec.h"

namespace natrix::jetstream::consumer {

using model::AckPolicy;
using model::DeliverPolicy;
using model::Err;

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kInactiveDefault = 5 * kSecond;
constexpr uint64_t kFlowWindow = 32u << 20;
constexpr uint64_t kFirstFlowWindow = kFlowWindow / 16;
constexpr size_t kMaxLastPerSubject = SIZE_MAX;

}  // namespace

Consumer::Consumer(stream::Stream& stream, ConsumerHost& host, model::ConsumerConfig config,
                   model::Time created)
    : stream_(stream),
      environment_(stream.environment()),
      host_(host),
      config_(std::move(config)),
      created_(created),
      filter_(config_.filters()),
      pulls_(static_cast<size_t>(std::max<int64_t>(config_.max_waiting, 1))) {
  pulls_.set_prioritized(config_.priority_policy == model::PriorityPolicy::kPrioritized);
  ack_prefix_ = fmt::format("$JS.ACK.{}.{}.", stream.config().name, config_.name);
  if (!config_.is_durable() && config_.inactive_threshold <= 0) {
    config_.inactive_threshold = kInactiveDefault;
  }
}

Consumer::~Consumer() {
  if (!closed_) close(End::kShutdown);
}

void Consumer::open(storage::ConsumerStore& store, Origin origin) {
  store_ = &store;
  if (origin == Origin::kNew) {
    choose_start();
  } else {
    next_ = store.state().delivered().stream + 1;
    store.state().each_pending([this](const storage::PendingAck& entry) {
      if (entry.deliveries > 1) redeliver(entry.stream_seq);
      return true;
    });
    // The stream has a message of the future: meanwhile the clock was set back, at least by that.
    int64_t back = environment_.now() - stream_.store().state().last_time;
    if (back < -kSecond) move_future_deliveries(back);
  }
  clock_offset_ = environment_.now() - environment_.steady_now();
  if (config_.replay_policy == model::ReplayPolicy::kOriginal) {
    replay_until_ = stream_.visible();
  }
  if (config_.flow_control) window_ = kFirstFlowWindow;
  last_pull_ = environment_.steady_now();
  stream_.attach(*this);
  listen();
  if (store.state().pending_count() > 0) arm_ack_wait(ack_wait(1));
  if (paused())
    arm(pause_alarm_, &Consumer::on_resume, config_.pause_until->nanos - environment_.now());
  if (config_.is_push()) {
    active_ = environment_.has_interest(config_.deliver_subject, config_.deliver_group);
    arm_heartbeat();
  }
  arm_inactive();
  wake();
}

void Consumer::close(End end) {
  closed_ = true;
  environment_.forget(*this);
  stream_.detach(*this);
  listening_.clear();
  pulls_.retain([this, end](Pull& pull) {
    send_pull_status(pull, end == End::kDeleted ? "409 Consumer Deleted" : "409 Server Shutdown");
    return false;
  });
  for (auto* alarm : {&ack_alarm_, &pull_alarm_, &heartbeat_alarm_, &pause_alarm_, &inactive_alarm_,
                      &later_alarm_, &pin_alarm_}) {
    if (*alarm) (*alarm)->clear();
  }
}

void Consumer::arm(std::unique_ptr<Alarm>& alarm, Due due, int64_t nanos) {
  if (!alarm) alarm = environment_.alarm([this, due] { (this->*due)(); });
  alarm->set(nanos);
}

void Consumer::listen() {
  auto on = [this](std::string subject, Handler handler) {
    listening_.push_back(environment_.listen(
        subject, {}, [this, handler](const core::Message& message) { (this->*handler)(message); }));
  };
  const std::string& stream = stream_.config().name;
  // Where nothing is acknowledged, who does so learns that nobody listens.
  if (config_.ack_policy != AckPolicy::kNone) on(ack_prefix_ + "*.*.*.*.*", &Consumer::on_ack);
  for (const std::string& prefix : stream_.settings().api_prefixes()) {
    on(fmt::format("{}CONSUMER.MSG.NEXT.{}.{}", prefix, stream, config_.name), &Consumer::on_pull);
  }
  if (config_.flow_control) {
    on(fmt::format("$JS.FC.{}.{}.*", stream, config_.name), &Consumer::on_flow_control);
  }
}

void Consumer::choose_start() {
  storage::StreamState state = stream_.store().state();
  Seq start = state.first_seq;
  switch (config_.deliver_policy) {
    case DeliverPolicy::kAll:
      break;
    case DeliverPolicy::kLast:
      start = stream_.store().last_seq(filter_);
      if (start == 0) start = state.last_seq + 1;
      break;
    case DeliverPolicy::kNew:
      start = state.last_seq + 1;
      break;
    case DeliverPolicy::kByStartSequence:
      start = config_.start_seq;
      break;
    case DeliverPolicy::kByStartTime:
      start = stream_.store().seq_at_time(config_.start_time->nanos);
      break;
    case DeliverPolicy::kLastPerSubject:
      choose_last_per_subject();
      start = last_messages_.empty() ? state.first_seq : state.last_seq + 1;
      break;
  }
  if (config_.deliver_policy != DeliverPolicy::kByStartSequence) {
    start = std::min(start, state.last_seq + 1);
  }
  next_ = std::max<Seq>({start, state.first_seq, 1});
  Seq floor = last_messages_.empty() ? next_ - 1 : last_messages_.front() - 1;
  store_->reset({0, floor});
}

void Consumer::choose_last_per_subject() {
  // With one message per subject every message is the last one.
  if (stream_.config().max_msgs_per_subject == 1) return;
  auto found = stream_.store().multi_last(filter_, ~Seq{0}, kMaxLastPerSubject);
  if (found) last_messages_.assign(found->begin(), found->end());
}

model::ConsumerInfo Consumer::info() {
  model::ConsumerInfo info;
  const storage::ConsumerState& state = store_->state();
  info.stream = stream_.config().name;
  info.name = config_.name;
  info.created = created_;
  info.config = config_;
  info.delivered = {state.delivered().consumer, state.delivered().stream, {}};
  info.ack_floor = {state.ack_floor().consumer, state.ack_floor().stream, {}};
  if (last_active_ != 0) info.delivered.last_active = model::Time{last_active_};
  if (last_ack_ != 0) info.ack_floor.last_active = model::Time{last_ack_};
  info.ack_pending = static_cast<int64_t>(state.pending_count());
  info.redelivered = static_cast<int64_t>(state.redelivered_count());
  if (!config_.is_push()) {
    review_pulls(false);
    info.waiting = static_cast<int64_t>(pulls_.size());
  }
  info.pending = pending();
  info.push_bound = config_.is_push() && bound();
  info.paused = paused();
  int64_t now = environment_.now();
  if (info.paused) info.pause_remaining = config_.pause_until->nanos - now;
  info.timestamp = {now};
  if (!config_.priority_groups.empty()) {
    info.priority_groups.push_back({config_.priority_groups.front(), pin_id_, pinned_at_});
  }
  return info;
}

bool Consumer::bound() {
  return environment_.has_interest(config_.deliver_subject, config_.deliver_group);
}

void Consumer::update(model::ConsumerConfig config) {
  bool other_filter = config.filters() != config_.filters();
  bool other_target = config.deliver_subject != config_.deliver_subject ||
                      config.deliver_group != config_.deliver_group;
  config_ = std::move(config);
  pulls_.set_prioritized(config_.priority_policy == model::PriorityPolicy::kPrioritized);
  if (config_.priority_policy != model::PriorityPolicy::kPinnedClient) unpin();
  if (other_filter) {
    stream_.detach(*this);
    filter_ = storage::Filter(config_.filters());
    stream_.attach(*this);
    pending_known_ = false;
  }
  if (other_target) set_active(bound());
  if (store_->state().pending_count() > 0) arm_ack_wait(ack_wait(1));
  arm_inactive();
  wake();
}

bool Consumer::paused() const {
  return config_.pause_until && !config_.pause_until->is_zero() &&
         environment_.now() < config_.pause_until->nanos;
}

int64_t Consumer::pause(model::Time until) {
  if (until.is_zero()) {
    config_.pause_until.reset();
  } else {
    config_.pause_until = until;
  }
  if (!paused()) {
    if (pause_alarm_) pause_alarm_->clear();
    wake();
    return 0;
  }
  int64_t left = until.nanos - environment_.now();
  arm(pause_alarm_, &Consumer::on_resume, left);
  return left;
}

void Consumer::on_resume() {
  if (paused()) {
    return arm(pause_alarm_, &Consumer::on_resume, config_.pause_until->nanos - environment_.now());
  }
  wake();
}

model::ApiResult<Seq> Consumer::reset(Seq seq) {
  Seq floor = store_->state().ack_floor().stream;
  if (seq > 0) {
    bool anywhere = config_.deliver_policy == DeliverPolicy::kAll ||
                    config_.deliver_policy == DeliverPolicy::kByStartSequence ||
                    config_.deliver_policy == DeliverPolicy::kByStartTime;
    if (!anywhere) {
      return model::refuse(Err::kInvalidReset,
                           "deliver policy does not allow to choose a sequence");
    }
    if (config_.deliver_policy == DeliverPolicy::kByStartSequence && seq < config_.start_seq) {
      return model::refuse(Err::kInvalidReset, "below start seq");
    }
    floor = seq - 1;
  }
  redeliver_.clear();
  redelivering_.clear();
  last_messages_.clear();
  store_->reset({0, floor});
  next_ = floor + 1;
  pending_known_ = false;
  wake();
  return next_;
}

void Consumer::on_stored() {
  if (pending_known_) ++pending_;
  if (config_.is_push() || !pulls_.empty()) wake();
}

void Consumer::on_removed(Seq, Seq last) {
  // What was delivered and is gone needs no acknowledgement any more.
  std::vector<Seq> gone;
  store_->state().each_pending([&](const storage::PendingAck& entry) {
    if (entry.stream_seq > last) return false;
    if (!stream_.store().contains(entry.stream_seq)) gone.push_back(entry.stream_seq);
    return true;
  });
  for (Seq seq : gone) store_->acknowledge(seq);
  if (!gone.empty()) wake();
}

bool Consumer::needs(Seq seq) const {
  const storage::ConsumerState& state = store_->state();
  if (seq <= state.ack_floor().stream) return false;
  if (config_.ack_policy != AckPolicy::kExplicit) return true;
  return seq > state.delivered().stream || state.pending(seq) != nullptr;
}

void Consumer::arm_inactive() {
  if (config_.inactive_threshold <= 0 || (config_.is_push() && active_)) {
    if (inactive_alarm_) inactive_alarm_->clear();
    return;
  }
  arm(inactive_alarm_, &Consumer::on_inactive, inactive_after());
}

// Pulling consumers are given a little more, as their next request may be under way.
int64_t Consumer::inactive_after() const {
  return config_.inactive_threshold + (config_.is_push() ? 0 : kSecond / 2);
}

void Consumer::on_inactive() {
  if (!config_.is_push()) {
    review_pulls(false);
    int64_t idle = environment_.steady_now() - last_pull_;
    int64_t left = pulls_.empty() ? inactive_after() - idle : inactive_after();
    // Somebody may still be working on what was delivered.
    int64_t now = environment_.now();
    store_->state().each_pending([&](const storage::PendingAck& entry) {
      left = std::max(left, entry.time + ack_wait(entry.deliveries) + inactive_after() - now);
      return true;
    });
    if (left > 0) return arm(inactive_alarm_, &Consumer::on_inactive, left);
  } else if (active_) {
    return;
  }
  host_.retire(*this);
}

}  // namespace natrix::jetstream::consumer
