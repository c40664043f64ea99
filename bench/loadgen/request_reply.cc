#include "bench/loadgen/request_reply.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

#include "bench/loadgen/epoll.h"
#include "bench/loadgen/frames.h"
#include "bench/loadgen/measurement.h"
#include "bench/loadgen/peer.h"

namespace natrix::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPayloadBytes = 16;

// "_INBOX.R<requester>.<sequence>", both seven digits.
std::string inbox(uint32_t requester) {
  return fmt::format("_INBOX.R{}", kFirstNumber + requester);
}
constexpr size_t kReplyBytes = 8 + kNumberDigits + 1 + kNumberDigits;

std::string payload() {
  return std::string(kPayloadBytes, 'x') + "\r\n";
}

}  // namespace

class RequestReply::Requester {
 public:
  Requester(uint16_t port, uint32_t id)
      : id_(id), peer_(port), reader_(peer_, answer_head(id, 0).size() + kPayloadBytes + 2) {
    peer_.send_all(fmt::format("SUB {}.* 1\r\n", inbox(id)));
    peer_.ping_pong();
  }

  const Peer& peer() const { return peer_; }
  bool done() const { return next_ == target_; }
  void add_work(uint64_t requests) { target_ += requests; }

  void send_request() {
    std::string text = fmt::format("PUB bench.request {}.{} {}\r\n", inbox(id_),
                                   kFirstNumber + next_, kPayloadBytes);
    size_t tag_at = text.size();
    text += payload();
    store_tag(text.data() + tag_at, make_tag(id_, next_));
    started_ = Clock::now();
    peer_.send_all(text);
  }

  // Sends the next request after each answer; returns the nanoseconds of an answered one, else 0.
  uint32_t on_readable() {
    std::string expected = answer_head(id_, next_);
    bool answered = false;
    reader_.pump([&](const char* frame) {
      if (answered || memcmp(frame, expected.data(), expected.size()) != 0 ||
          load_tag(frame + expected.size()) != make_tag(id_, next_)) {
        throw std::runtime_error(fmt::format("expected {} received {}", expected,
                                             std::string_view(frame, expected.size())));
      }
      answered = true;
    });
    if (reader_.take_pong_due()) {
      peer_.send_all("PONG\r\n");
    }
    if (!answered) {
      return 0;
    }
    auto taken = std::chrono::nanoseconds(Clock::now() - started_).count();
    ++next_;
    if (!done()) {
      send_request();
    }
    return static_cast<uint32_t>(std::clamp<int64_t>(taken, 1, UINT32_MAX));
  }

 private:
  static std::string answer_head(uint32_t id, uint64_t sequence) {
    return fmt::format("MSG {}.{} 1 {}\r\n", inbox(id), kFirstNumber + sequence, kPayloadBytes);
  }

  uint32_t id_;
  Peer peer_;
  FrameReader reader_;
  uint64_t next_ = 0;
  uint64_t target_ = 0;
  Clock::time_point started_;
};

class RequestReply::Responder {
 public:
  explicit Responder(uint16_t port)
      : peer_(port), reader_(peer_, kHead.size() + kReplyBytes + kTail.size() + kPayloadBytes + 2) {
    peer_.send_all("SUB bench.request 1\r\n");
    peer_.ping_pong();
  }

  void answer(uint64_t requests) {
    Epoll epoll;
    epoll.add(peer_.fd(), EPOLLIN, 0);
    epoll_event event{};
    for (uint64_t left = requests; left > 0;) {
      epoll.wait(&event, 1);
      out_.clear();
      left -= reader_.pump([this](const char* frame) { append_answer(frame); });
      if (reader_.take_pong_due()) {
        out_ += "PONG\r\n";
      }
      peer_.send_all(out_);
    }
  }

 private:
  static constexpr std::string_view kHead = "MSG bench.request 1 ";
  static constexpr std::string_view kTail = " 16\r\n";

  void append_answer(const char* frame) {
    std::string_view reply(frame + kHead.size(), kReplyBytes);
    std::string_view tail(reply.data() + reply.size(), kTail.size());
    if (memcmp(frame, kHead.data(), kHead.size()) != 0 || tail != kTail) {
      throw std::runtime_error(fmt::format("unexpected request: {}",
                                           std::string_view(frame, kHead.size() + kReplyBytes)));
    }
    out_.append("PUB ").append(reply).append(kTail);
    out_.append(tail.data() + tail.size(), kPayloadBytes + 2);
  }

  Peer peer_;
  FrameReader reader_;
  std::string out_;
};

RequestReply::RequestReply(uint16_t port, uint32_t requesters)
    : responder_(std::make_unique<Responder>(port)) {
  for (uint32_t i = 0; i < requesters; ++i) {
    requesters_.push_back(std::make_unique<Requester>(port, i));
  }
}

RequestReply::~RequestReply() = default;

RoundTrips RequestReply::run(uint64_t requests_per_requester) {
  uint64_t total = requests_per_requester * requesters_.size();
  std::exception_ptr responder_error;
  std::thread responding([&] {
    try {
      responder_->answer(total);
    } catch (...) {
      responder_error = std::current_exception();
    }
  });
  std::vector<uint32_t> nanoseconds;
  std::exception_ptr requester_error;
  try {
    for (auto& requester : requesters_) {
      requester->add_work(requests_per_requester);
    }
    request_all(nanoseconds);
  } catch (...) {
    requester_error = std::current_exception();
  }
  responding.join();
  if (responder_error || requester_error) {
    std::rethrow_exception(responder_error ? responder_error : requester_error);
  }
  std::sort(nanoseconds.begin(), nanoseconds.end());
  return {nanoseconds.size(), percentile_us(nanoseconds, 0.50), percentile_us(nanoseconds, 0.99)};
}

void RequestReply::request_all(std::vector<uint32_t>& nanoseconds) {
  Epoll epoll;
  uint32_t busy = 0;
  for (auto& requester : requesters_) {
    epoll.add(requester->peer().fd(), EPOLLIN, busy++);
    requester->send_request();
  }
  epoll_event events[64];
  while (busy > 0) {
    int count = epoll.wait(events, 64);
    for (int i = 0; i < count; ++i) {
      Requester& requester = *requesters_[events[i].data.u32];
      if (uint32_t taken = requester.on_readable(); taken != 0) {
        nanoseconds.push_back(taken);
        busy -= requester.done() ? 1 : 0;
      }
    }
  }
}

}  // namespace natrix::bench
