// Pushing: interest in the deliver subject, flow control, heartbeats (wire.md 11.4).
#include <fmt/format.h>

#include <algorithm>

#include "broker/crypto/server_id.h"
#include "broker/jetstream/consumer/consumer.h"

namespace natrix::jetstream::consumer {

namespace {
constexpr uint64_t kFlowWindow = 32u << 20;
}  // namespace

void Consumer::check_interest() {
  if (config_.is_push() && !closed_) set_active(bound());
}

void Consumer::set_active(bool active) {
  if (active == active_) return;
  active_ = active;
  if (active) {
    // Whoever comes starts without anything under way.
    outstanding_ = asked_at_ = 0;
    flow_question_.clear();
    wake();
    arm_heartbeat();
  }
  arm_inactive();
}

void Consumer::sent_bytes(size_t bytes) {
  outstanding_ += bytes;
  if (!flow_question_.empty()) {
    if (outstanding_ - asked_at_ >= window_) asked_at_ += bytes;
    return;
  }
  if (outstanding_ <= window_ / 2) return;
  flow_question_ = fmt::format("$JS.FC.{}.{}.{}", stream_.config().name, name(), random_token(4));
  asked_at_ = outstanding_;
  environment_.publish({.to = config_.deliver_subject,
                        .reply = flow_question_,
                        .headers = "NATS/1.0 100 FlowControl Request\r\n\r\n"});
}

void Consumer::on_flow_control(const core::Message& message) {
  if (flow_question_.empty() || message.subject() != flow_question_) return;
  window_ = std::min(window_ * 2, kFlowWindow);
  outstanding_ -= std::min(outstanding_, asked_at_);
  asked_at_ = 0;
  flow_question_.clear();
  wake();
}

void Consumer::send_heartbeat(std::string_view to) {
  storage::SequencePair at = store_->state().delivered();
  std::string headers = fmt::format(
      "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: {}\r\nNats-Last-Stream: {}\r\n",
      at.consumer, at.stream);
  if (!flow_question_.empty())
    headers += fmt::format("Nats-Consumer-Stalled: {}\r\n", flow_question_);
  environment_.publish({.to = to, .headers = headers + "\r\n"});
}

void Consumer::arm_heartbeat() {
  if (config_.heartbeat <= 0 || !config_.is_push()) return;
  arm(heartbeat_alarm_, &Consumer::on_heartbeat, config_.heartbeat);
}

// Set once and not with every delivery: only what is left of the silence is waited for anew.
void Consumer::on_heartbeat() {
  int64_t left = last_push_ + config_.heartbeat - environment_.steady_now();
  if (last_push_ != 0 && left > 0) return arm(heartbeat_alarm_, &Consumer::on_heartbeat, left);
  if (active_) send_heartbeat(config_.deliver_subject);
  arm_heartbeat();
}

}  // namespace natrix::jetstream::consumer
