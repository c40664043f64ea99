#include "bench/jetstream/key_watcher.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bench/jetstream/api.h"
#include "bench/loadgen/frames.h"

namespace natrix::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kInbox = "_INBOX.KEYS";
constexpr std::string_view kAnswers = "_INBOX.MADE";
constexpr int64_t kHeartbeatNs = 5'000'000'000;
constexpr int64_t kAckWaitNs = 22LL * 3600 * 1'000'000'000;

}  // namespace

KeyWatcher::KeyWatcher(uint16_t port, WatchPlan plan)
    : plan_(std::move(plan)),
      peer_(port),
      reader_(peer_),
      filler_(plan_.payload_bytes - kTagBytes, 'x') {
  peer_.send_all(fmt::format("SUB {} 2\r\n", kAnswers));
  peer_.ping_pong();
}

WatchTimes KeyWatcher::run(uint64_t keys) {
  received_ = 0;
  answered_ = false;
  stopping_ = false;
  auto started = Clock::now();
  start();
  while (received_ < keys || !answered_) {
    pump_once();
  }
  auto last = Clock::now();
  if (received_ > keys) {
    throw std::runtime_error(fmt::format("{} values of {} keys", received_, keys));
  }
  stop();
  return {last - started, last - first_};
}

void KeyWatcher::start() {
  consumer_ = fmt::format("watch{}", ++watches_);
  nlohmann::json request = {{"stream_name", plan_.stream},
                            {"action", "create"},
                            {"config",
                             {{"name", consumer_},
                              {"deliver_subject", fmt::format("{}.{}", kInbox, watches_)},
                              {"deliver_policy", "last_per_subject"},
                              {"filter_subject", plan_.subjects},
                              {"ack_policy", "none"},
                              {"ack_wait", kAckWaitNs},
                              {"max_deliver", 1},
                              {"replay_policy", "instant"},
                              {"flow_control", true},
                              {"idle_heartbeat", kHeartbeatNs},
                              {"mem_storage", true},
                              {"num_replicas", 1}}}};
  std::string text = request.dump();
  peer_.send_all(fmt::format("SUB {}.{} 1\r\nPUB $JS.API.CONSUMER.CREATE.{}.{}.{} {} {}\r\n{}\r\n",
                             kInbox, watches_, plan_.stream, consumer_, plan_.subjects, kAnswers,
                             text.size(), text));
}

void KeyWatcher::stop() {
  stopping_ = true;
  answered_ = false;
  peer_.send_all(fmt::format("UNSUB 1\r\nPUB $JS.API.CONSUMER.DELETE.{}.{} {} 0\r\n\r\n",
                             plan_.stream, consumer_, kAnswers));
  while (!answered_) {
    pump_once();
  }
}

void KeyWatcher::pump_once() {
  peer_.wait(/*writable=*/false);
  reader_.pump([this](const Message& message) { take(message); });
  if (reader_.take_pong_due()) {
    out_ += "PONG\r\n";
  }
  peer_.send_all(out_);
  out_.clear();
}

void KeyWatcher::take(const Message& message) {
  if (message.sid == "2") {
    refuse_error(nlohmann::json::parse(message.payload), "watching " + plan_.stream);
    answered_ = true;
  } else if (stopping_) {
    return;
  } else if (!message.headers.empty()) {
    if (message.headers.rfind("NATS/1.0 100", 0) != 0) {
      throw std::runtime_error(fmt::format("a watch was answered by {}", message.headers));
    }
    if (!message.reply.empty()) {
      out_.append("PUB ").append(message.reply).append(" 0\r\n\r\n");
    }
  } else {
    take_value(message);
  }
}

void KeyWatcher::take_value(const Message& message) {
  if (message.payload.size() != plan_.payload_bytes ||
      load_tag(message.payload.data()) != make_tag(0, received_) ||
      message.payload.substr(kTagBytes) != filler_) {
    throw std::runtime_error(fmt::format("expected value {}, received {}: {}", received_,
                                         message.subject, message.payload));
  }
  if (received_++ == 0) {
    first_ = Clock::now();
  }
}

}  // namespace natrix::bench
