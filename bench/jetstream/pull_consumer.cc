#include "bench/jetstream/pull_consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "bench/loadgen/frames.h"

namespace natrix::bench {

namespace {

constexpr std::string_view kInbox = "_INBOX.PULL";
constexpr std::string_view kDone = "_INBOX.DONE";
constexpr std::string_view kExpires = "30000000000";  // ns, as the Go client

// How much of a request a status ends: what its header says is left of it.
uint64_t pending_in(std::string_view headers) {
  constexpr std::string_view kName = "Nats-Pending-Messages: ";
  size_t at = headers.find(kName);
  uint64_t value = 0;
  if (at != std::string_view::npos) {
    std::string_view digits = headers.substr(at + kName.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
  }
  return value;
}

}  // namespace

PullConsumer::PullConsumer(uint16_t port, PullPlan plan)
    : plan_(std::move(plan)),
      peer_(port),
      reader_(peer_),
      ack_prefix_(fmt::format("$JS.ACK.{}.{}.1.", plan_.stream, plan_.consumer)),
      filler_(plan_.payload_bytes - kTagBytes, 'x') {
  peer_.send_all(fmt::format("SUB {} 1\r\nSUB {} 2\r\n", kInbox, kDone));
  peer_.ping_pong();
}

void PullConsumer::run(uint64_t messages) {
  target_ += messages;
  confirmed_ = false;
  while (!confirmed_) {
    ask();
    if (reader_.take_pong_due()) {
      out_ += "PONG\r\n";
    }
    peer_.send_all(out_);
    out_.clear();
    peer_.wait(/*writable=*/false);
    reader_.pump([this](const Message& message) { take(message); });
  }
}

void PullConsumer::ask() {
  uint64_t left = target_ - received_;
  uint64_t wanted = std::min(plan_.batch, left);
  if (asked_ > wanted / 2 || wanted == 0) {
    return;
  }
  uint64_t more = wanted - asked_;
  std::string request = fmt::format(R"({{"batch":{},"expires":{}}})", more, kExpires);
  out_ += fmt::format("PUB $JS.API.CONSUMER.MSG.NEXT.{}.{} {} {}\r\n{}\r\n", plan_.stream,
                      plan_.consumer, kInbox, request.size(), request);
  asked_ += more;
}

void PullConsumer::take(const Message& message) {
  if (message.sid == "2") {
    confirmed_ = true;
    return;
  }
  if (!message.headers.empty()) {
    take_status(message);
    return;
  }
  check(message);
  ++received_;
  --asked_;
  out_.append("PUB ").append(message.reply);
  if (received_ == target_) {
    out_.append(" ").append(kDone);
  }
  out_.append(" 4\r\n+ACK\r\n");
}

void PullConsumer::take_status(const Message& message) {
  uint64_t ended = pending_in(message.headers);
  if (message.headers.rfind("NATS/1.0 408", 0) != 0 || ended > asked_) {
    throw std::runtime_error(fmt::format("a pull request was answered by {}", message.headers));
  }
  asked_ -= ended;
}

void PullConsumer::check(const Message& message) const {
  bool same = message.subject == plan_.subject && message.payload.size() == plan_.payload_bytes &&
              message.reply.substr(0, ack_prefix_.size()) == ack_prefix_ && asked_ > 0 &&
              load_tag(message.payload.data()) == make_tag(0, received_) &&
              message.payload.substr(kTagBytes) == filler_;
  if (!same) {
    throw std::runtime_error(fmt::format("expected message {} of {}, received {} {}: {}", received_,
                                         plan_.stream, message.subject, message.reply,
                                         message.payload));
  }
}

}  // namespace natrix::bench
