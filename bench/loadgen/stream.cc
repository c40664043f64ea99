#include "bench/loadgen/stream.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <stdexcept>
#include <thread>

#include "bench/loadgen/epoll.h"
#include "bench/loadgen/peer.h"

namespace natrix::bench {

namespace {

constexpr size_t kChunkBytes = 64 * 1024;         // what a client library flushes at once
constexpr size_t kWindowBytes = 2 * 1024 * 1024;  // in flight to one receiver
constexpr uint64_t kWindowMessages = 32 * 1024;
constexpr uint64_t kSmallestWindow = 16;
constexpr int kMaxEvents = 128;

// What one receiver has got from one publisher. Written by the receiving thread only.
struct alignas(64) Counter {
  std::atomic<uint64_t> received{0};
};

// One publisher and everybody who receives from it.
struct alignas(64) Flow {
  std::deque<Counter> counters;
  // Set while the publisher sleeps because its window is full: the count at which every receiver
  // tells it to look again. Both sides use the default (total) order, so no wake-up is lost.
  std::atomic<uint64_t> wake_at{0};

  [[nodiscard]] uint64_t received_by_all() const {
    uint64_t least = UINT64_MAX;
    for (const Counter& counter : counters) {
      least = std::min(least, counter.received.load());
    }
    return least;
  }
};

// Small and good enough to spread subjects: xorshift64*.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {}
  uint32_t below(uint32_t bound) {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    uint64_t value = (state_ * 0x2545F4914F6CDD1D) >> 32;
    return static_cast<uint32_t>((value * bound) >> 32);
  }

 private:
  uint64_t state_;
};

SubjectPattern pattern_of(const StreamPlan& plan, uint32_t publisher) {
  if (plan.pairs) {
    return {fmt::format("bench.pair.{}", 100 + publisher), false};
  }
  return {"bench.topic", plan.subjects > 1};
}

}  // namespace

struct Stream::Shared {
  std::deque<Flow> flows;  // by publisher
  int wake_publishers = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::atomic<bool> failed{false};

  ~Shared() { close(wake_publishers); }

  void wake() const {
    uint64_t one = 1;
    if (write(wake_publishers, &one, sizeof(one)) < 0) {
      return;  // full counter: the wake-up is pending anyway
    }
  }
};

class Stream::Publisher {
 public:
  enum class Step { kSent, kSocketFull, kWindowFull, kDone };

  Publisher(uint16_t port, const StreamPlan& plan, uint32_t id, Flow& flow)
      : id_(id),
        subjects_(plan.subjects),
        peer_(port),
        frame_(pattern_of(plan, id), plan.payload_bytes),
        reader_(peer_, 1),
        flow_(flow),
        random_(id + 1) {
    uint64_t sharers = plan.pairs ? 1 : plan.publishers;
    window_ = std::clamp<uint64_t>(kWindowBytes / frame_.size() / sharers, kSmallestWindow,
                                   kWindowMessages);
    chunk_frames_ =
        std::clamp<uint64_t>(kChunkBytes / frame_.size(), 1, std::max<uint64_t>(window_ / 4, 1));
  }

  void add_work(uint64_t messages) { target_ += messages; }
  const Peer& peer() const { return peer_; }

  // One chunk at most, so that many publishers take turns.
  Step step() {
    if (sent_of_chunk_ == chunk_.size()) {
      if (next_ == target_) {
        return Step::kDone;
      }
      uint64_t count = std::min(chunk_frames_, target_ - next_);
      if (window_left() < count && !reopen(count)) {
        return Step::kWindowFull;
      }
      build_chunk(count);
    }
    size_t sent = peer_.send_some(std::string_view(chunk_).substr(sent_of_chunk_));
    sent_of_chunk_ += sent;
    return sent == 0 ? Step::kSocketFull : Step::kSent;
  }

  void read_control() {
    reader_.pump([](const char*) { throw std::runtime_error("a publisher received a message"); });
  }

 private:
  uint64_t window_left() {
    if (flow_.counters.empty()) {
      return UINT64_MAX;
    }
    if (next_ - known_received_ >= window_ - std::min(window_, chunk_frames_)) {
      known_received_ = flow_.received_by_all();
    }
    return window_ - (next_ - known_received_);
  }

  // Asks the receivers for a wake-up at half a window; true if they have got that far meanwhile.
  bool reopen(uint64_t count) {
    flow_.wake_at = next_ - window_ / 2;
    known_received_ = flow_.received_by_all();
    if (window_left() < count) {
      return false;
    }
    flow_.wake_at = 0;
    return true;
  }

  void build_chunk(uint64_t count) {
    chunk_.clear();
    sent_of_chunk_ = 0;
    if (reader_.take_pong_due()) {
      chunk_ = "PONG\r\n";
    }
    frame_.append(chunk_, id_, next_, count, [this] { return random_.below(subjects_); });
    next_ += count;
  }

  uint32_t id_;
  uint32_t subjects_;
  Peer peer_;
  PublishFrame frame_;
  FrameReader reader_;
  Flow& flow_;
  Random random_;
  uint64_t window_ = 0;
  uint64_t chunk_frames_ = 0;
  uint64_t next_ = 0;            // sequence of the next message
  uint64_t target_ = 0;          // stop there
  uint64_t known_received_ = 0;  // by the slowest receiver, when last looked
  std::string chunk_;
  size_t sent_of_chunk_ = 0;
};

class Stream::Receiver {
 public:
  Receiver(uint16_t port, const StreamPlan& plan, uint32_t id, Shared& shared)
      : peer_(port),
        frame_(pattern_of(plan, id), plan.payload_bytes),
        reader_(peer_, frame_.size()),
        shared_(shared) {
    first_publisher_ = plan.pairs ? id : 0;
    uint32_t publishers = plan.pairs ? 1 : plan.publishers;
    for (uint32_t i = 0; i < publishers; ++i) {
      Flow& flow = shared.flows[first_publisher_ + i];
      sources_.push_back({&flow, &flow.counters.emplace_back(), 0, 0});
    }
    subscribe(pattern_of(plan, id), plan.subjects);
  }

  void add_work(uint64_t messages) {
    left_ += messages * sources_.size();
    for (Source& source : sources_) {
      source.target += messages;
    }
  }
  const Peer& peer() const { return peer_; }
  bool done() const { return left_ == 0; }

  void on_readable() {
    size_t frames = reader_.pump([this](const char* frame) { take(frame_.check(frame)); });
    if (reader_.take_pong_due()) {
      peer_.send_all("PONG\r\n");
    }
    if (frames == 0) {
      return;
    }
    left_ -= frames;
    for (Source& source : sources_) {
      report(source);
    }
  }

 private:
  struct Source {
    Flow* flow;
    Counter* counter;
    uint64_t next;    // sequence expected next
    uint64_t target;  // and none from here on
  };

  void subscribe(const SubjectPattern& pattern, uint32_t subjects) {
    std::string batch;
    for (uint32_t i = 0; i < subjects; ++i) {
      batch += fmt::format("SUB {} {}\r\n", pattern.subject(i), pattern.sid(i));
      if (batch.size() > kChunkBytes) {
        peer_.send_all(batch);
        batch.clear();
      }
    }
    peer_.send_all(batch);
    peer_.ping_pong();
  }

  void take(uint64_t tag) {
    uint32_t index = tag_publisher(tag) - first_publisher_;
    if (index >= sources_.size()) {
      throw std::runtime_error(fmt::format("message of a foreign publisher, tag {:x}", tag));
    }
    Source& source = sources_[index];
    if (tag_sequence(tag) != source.next || source.next == source.target) {
      throw std::runtime_error(fmt::format("expected message {} of {}, received {}", source.next,
                                           source.target, tag_sequence(tag)));
    }
    ++source.next;
  }

  void report(Source& source) {
    uint64_t before = source.counter->received.load(std::memory_order_relaxed);
    if (before == source.next) {
      return;
    }
    source.counter->received = source.next;
    uint64_t wake_at = source.flow->wake_at;
    if (wake_at != 0 && before < wake_at && source.next >= wake_at) {
      shared_.wake();
    }
  }

  Peer peer_;
  DeliverFrame frame_;
  FrameReader reader_;
  Shared& shared_;
  uint32_t first_publisher_ = 0;
  std::vector<Source> sources_;
  uint64_t left_ = 0;
};

Stream::Stream(uint16_t port, const StreamPlan& plan)
    : plan_(plan), shared_(std::make_unique<Shared>()) {
  shared_->flows.resize(plan.publishers);
  for (uint32_t i = 0; i < plan.receivers; ++i) {
    receivers_.push_back(std::make_unique<Receiver>(port, plan, i, *shared_));
  }
  for (uint32_t i = 0; i < plan.publishers; ++i) {
    publishers_.push_back(std::make_unique<Publisher>(port, plan, i, shared_->flows[i]));
    publishers_.back()->peer().ping_pong();
  }
}

Stream::~Stream() = default;

uint64_t Stream::deliveries_per_message() const {
  return plan_.pairs || plan_.receivers == 0 ? 1 : plan_.receivers;
}

void Stream::run(uint64_t messages_per_publisher) {
  for (auto& publisher : publishers_) {
    publisher->add_work(messages_per_publisher);
  }
  for (auto& receiver : receivers_) {
    receiver->add_work(messages_per_publisher);
  }
  std::exception_ptr errors[2];
  auto guarded = [this, &errors](int which, void (Stream::*work)()) {
    try {
      (this->*work)();
    } catch (...) {
      errors[which] = std::current_exception();
      shared_->failed = true;
      shared_->wake();
    }
  };
  std::thread receiving(guarded, 0, &Stream::receive_all);
  guarded(1, &Stream::publish_all);
  receiving.join();
  for (const std::exception_ptr& error : errors) {
    if (error) {
      std::rethrow_exception(error);
    }
  }
}

void Stream::publish_all() {
  // Edge-triggered: sockets are written until they are full, so one notice per edge is enough.
  Epoll epoll;
  constexpr uint32_t kWakeKey = UINT32_MAX;
  epoll.add(shared_->wake_publishers, EPOLLIN | EPOLLET, kWakeKey);
  for (uint32_t i = 0; i < publishers_.size(); ++i) {
    epoll.add(publishers_[i]->peer().fd(), EPOLLIN | EPOLLOUT | EPOLLET, i);
  }
  epoll_event events[kMaxEvents];
  for (;;) {
    bool progress = false;
    bool done = true;
    for (auto& publisher : publishers_) {
      Publisher::Step step = publisher->step();
      progress |= step == Publisher::Step::kSent;
      done &= step == Publisher::Step::kDone;
    }
    if (done || shared_->failed) {
      break;
    }
    if (progress) {
      continue;
    }
    int count = epoll.wait(events, kMaxEvents);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u32 != kWakeKey && (events[i].events & EPOLLIN) != 0) {
        publishers_[events[i].data.u32]->read_control();
      }
    }
  }
  if (receivers_.empty() && !shared_->failed) {
    for (auto& publisher : publishers_) {
      publisher->peer().ping_pong();
    }
  }
}

void Stream::receive_all() {
  Epoll epoll;
  size_t busy = 0;
  for (uint32_t i = 0; i < receivers_.size(); ++i) {
    epoll.add(receivers_[i]->peer().fd(), EPOLLIN, i);
    busy += receivers_[i]->done() ? 0 : 1;
  }
  epoll_event events[kMaxEvents];
  while (busy > 0 && !shared_->failed) {
    int count = epoll.wait(events, kMaxEvents);
    for (int i = 0; i < count; ++i) {
      Receiver& receiver = *receivers_[events[i].data.u32];
      bool was_done = receiver.done();
      receiver.on_readable();
      busy -= !was_done && receiver.done() ? 1 : 0;
    }
  }
}

}  // namespace natrix::bench
