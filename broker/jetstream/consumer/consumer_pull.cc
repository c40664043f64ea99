// Pull requests: what is refused, how they are served, when they end (wire.md 11.3).
#include <fmt/format.h>

#include <algorithm>

#include "broker/base/duration.h"
#include "broker/jetstream/consumer/consumer.h"
#include "broker/jetstream/model/stream_rules.h"

namespace natrix::jetstream::consumer {

void Consumer::send_status(std::string_view to, std::string_view status) {
  environment_.publish({.to = to, .headers = fmt::format("NATS/1.0 {}\r\n\r\n", status)});
}

// With what the request still asked for.
void Consumer::send_pull_status(const Pull& pull, std::string_view status) {
  environment_.publish(
      {.to = pull.reply,
       .headers =
           fmt::format("NATS/1.0 {}\r\nNats-Pending-Messages: {}\r\nNats-Pending-Bytes: {}\r\n\r\n",
                       status, pull.left, pull.bytes)});
}

void Consumer::on_pull(const core::Message& message) {
  if (message.reply_size == 0) return;
  if (message.header_size != 0) {
    auto level = stream::find_header(message.header(), "Nats-Required-Api-Level");
    if (level && model::requires_more(*level)) {
      return send_status(message.reply(), "412 Required Api Level");
    }
  }
  add_pull(message.reply(), message.payload());
}

void Consumer::add_pull(std::string_view reply, std::string_view body) {
  last_pull_ = environment_.steady_now();
  if (config_.is_push()) return send_status(reply, "409 Consumer is push based");
  auto parsed = parse_pull_request(body);
  if (!parsed) {
    return send_status(reply, fmt::format("400 Bad Request - {}", parsed.error().message));
  }
  model::PullRequest& request = *parsed;
  if (refuse_pull(reply, request) || refuse_group(reply, request)) return;
  if (pulls_.full()) review_pulls(false);
  if (request.no_wait && refuse_no_wait(reply, request)) return;
  if (pulls_.full()) {
    // Who watches for heartbeats notices by himself; a status would only make him ask again.
    if (request.heartbeat <= 0) send_status(reply, "409 Exceeded MaxWaiting");
    return;
  }
  int64_t now = environment_.steady_now();
  Pull pull;
  pull.reply = reply;
  pull.left = std::max<int64_t>(request.batch, 1);
  pull.bytes = std::max<int64_t>(request.max_bytes, 0);
  pull.limits_bytes = request.max_bytes > 0;
  pull.no_wait = request.no_wait;
  if (request.expires > 0) pull.expires = now + request.expires;
  pull.heartbeat = std::max<int64_t>(request.heartbeat, 0);
  if (pull.heartbeat > 0) pull.next_heartbeat = now + pull.heartbeat;
  pull.group = std::move(request.group);
  pull.pin_id = std::move(request.pin_id);
  pull.min_pending = request.min_pending;
  pull.min_ack_pending = request.min_ack_pending;
  if (!request.plain) pull.priority = static_cast<int>(request.priority);
  pulls_.add(std::move(pull));
  wake();
}

bool Consumer::refuse_pull(std::string_view reply, const model::PullRequest& request) {
  std::string status;
  if (config_.max_batch > 0 && request.batch > config_.max_batch) {
    status = fmt::format("409 Exceeded MaxRequestBatch of {}", config_.max_batch);
  } else if (config_.max_expires > 0 && request.expires > config_.max_expires) {
    status = fmt::format("409 Exceeded MaxRequestExpires of {}",
                         format_duration(std::chrono::nanoseconds(config_.max_expires)));
  } else if (config_.max_bytes > 0 && request.max_bytes > config_.max_bytes) {
    status = fmt::format("409 Exceeded MaxRequestMaxBytes of {}", config_.max_bytes);
  } else {
    return false;
  }
  send_status(reply, status);
  return true;
}

bool Consumer::refuse_no_wait(std::string_view reply, const model::PullRequest& request) {
  uint64_t there = pending() + redelivering_.size();
  if (there == 0 && request.expires <= 0) {
    send_status(reply, "404 No Messages");
    return true;
  }
  if (there > 0) {
    review_pulls(false);
    if (there < pulls_.wanted()) {
      send_status(reply, "408 Requests Pending");
      return true;
    }
  }
  return false;
}

bool Consumer::deliver_to_pull(const Next& next, size_t bytes, uint64_t pending_after,
                               std::string_view ack_subject) {
  size_t passed_over = 0;
  while (passed_over < pulls_.size()) {
    Pull& pull = pulls_.front();
    if (pull.expires != 0 && run_steady_now_ >= pull.expires) {
      send_pull_status(pull, "408 Request Timeout");
      pulls_.pop();
      continue;
    }
    bool was_pinned = !pin_id_.empty();
    Turn turn = turn_of(pull, pending_after);
    if (turn == Turn::kPassOver) {
      ++passed_over;
      pulls_.pass_over();
      continue;
    }
    if (turn == Turn::kDrop) {
      pulls_.pop();
      continue;
    }
    bool fits = !pull.limits_bytes || static_cast<int64_t>(bytes) <= pull.bytes;
    if (!was_pinned && (!fits || !environment_.has_interest(pull.reply, {}))) unpin();
    if (!fits) {
      send_pull_status(pull, "409 Message Size Exceeds MaxBytes");
      pulls_.pop();
      continue;
    }
    if (!environment_.has_interest(pull.reply, {})) {
      pulls_.pop();
      continue;
    }
    deliver(next, pull.reply, ack_subject);
    made(next);
    finish_pull(pull, bytes);
    return true;
  }
  return false;
}

// After a delivery to the front request.
void Consumer::finish_pull(Pull& pull, size_t bytes) {
  ++pull.delivered;
  --pull.left;
  if (pull.limits_bytes) {
    pull.bytes -= static_cast<int64_t>(bytes);
    if (pull.bytes <= 0) pull.left = 0;
  }
  last_pull_ = run_steady_now_;
  if (pull.heartbeat > 0) pull.next_heartbeat = last_pull_ + pull.heartbeat;
  if (pull.left > 0) return pulls_.rotate();
  if (pull.limits_bytes && pull.bytes > 0) send_pull_status(pull, "409 Batch Completed");
  pulls_.pop();
}

void Consumer::review_pulls(bool end_of_stream) {
  if (pulls_.empty()) {
    if (pull_alarm_) pull_alarm_->clear();
    return;
  }
  int64_t now = environment_.steady_now();
  int64_t next = INT64_MAX;
  pulls_.retain([&](Pull& pull) {
    if (pull.expires != 0 && now >= pull.expires) {
      send_pull_status(pull, "408 Request Timeout");
      return false;
    }
    if (end_of_stream && pull.no_wait && (pull.expires == 0 || pull.delivered > 0)) {
      send_status(pull.reply, "404 No Messages");
      return false;
    }
    if (!environment_.has_interest(pull.reply, {})) return false;
    if (pull.heartbeat > 0) {
      if (now >= pull.next_heartbeat) {
        send_heartbeat(pull.reply);
        pull.next_heartbeat = now + pull.heartbeat;
      }
      next = std::min(next, pull.next_heartbeat);
    }
    if (pull.expires != 0) next = std::min(next, pull.expires);
    return true;
  });
  if (next != INT64_MAX) {
    arm(pull_alarm_, &Consumer::on_pull_due, next - now);
  } else if (pull_alarm_) {
    pull_alarm_->clear();
  }
}

// When time was up for one of them, no_wait requests that got something end, too, even if it is
// max_ack_pending that keeps them from more: as in nats-server, whose clients count on it.
void Consumer::on_pull_due() {
  review_pulls(true);
}

}  // namespace natrix::jetstream::consumer
