#include "broker/jetstream/environment/shard_environment.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>

namespace natrix::jetstream {

namespace {

// Messages of one turn share blocks of this size; larger ones get a block of their own.
constexpr size_t kBlock = 64 * 1024;
constexpr size_t kOwnBlockFrom = 16 * 1024;

class InternalListening final : public Listening {
 public:
  explicit InternalListening(core::InternalHandle handle) : handle_(std::move(handle)) {}

 private:
  core::InternalHandle handle_;
};

class ShardAlarm final : public Alarm {
 public:
  ShardAlarm(io::TimerQueue& timers, std::function<void()> on_due)
      : timer_(timers, std::move(on_due)) {}
  void set(int64_t nanos) override {
    timer_.set(io::Clock::now() + std::chrono::nanoseconds(std::max<int64_t>(nanos, 0)));
  }
  void clear() override { timer_.clear(); }
  [[nodiscard]] bool is_set() const override { return timer_.is_set(); }

 private:
  io::Timer timer_;
};

}  // namespace

int64_t ShardEnvironment::now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int64_t ShardEnvironment::steady_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(io::Clock::now().time_since_epoch())
      .count();
}

std::unique_ptr<Alarm> ShardEnvironment::alarm(std::function<void()> on_due) {
  return std::make_unique<ShardAlarm>(timers_, std::move(on_due));
}

char* ShardEnvironment::reserve(size_t bytes) {
  if (bytes >= kOwnBlockFrom) {
    block_ = io::BytesRef::adopt(io::SharedBytes::allocate(bytes));
    used_ = bytes;
    return block_->data();
  }
  if (block_ && block_->unshared() && block_->capacity() == kBlock) used_ = 0;
  if (!block_ || block_->capacity() < used_ + bytes) {
    block_ = io::BytesRef::adopt(io::SharedBytes::allocate(kBlock));
    used_ = 0;
  }
  char* at = block_->data() + used_;
  used_ += bytes;
  return at;
}

Environment::Sent ShardEnvironment::publish(const Outgoing& out) {
  std::string_view subject = out.subject.empty() ? out.to : out.subject;
  size_t total = out.headers.size() + out.payload.size();
  fmt::format_int total_text(total);
  fmt::format_int header_text(out.headers.size());
  bool with_header = !out.headers.empty();
  size_t bytes = subject.size() + out.reply.size() + 1 + header_text.size() + 1 +
                 total_text.size() + 2 + total + 2;
  char* at = reserve(bytes);
  auto put = [&at](std::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    at += text.size();
  };

  core::Message message;
  message.block = block_.get();
  message.account = &account_;
  message.subject_data = at;
  message.subject_size = static_cast<uint32_t>(subject.size());
  put(subject);
  message.tail = at;
  if (!out.reply.empty()) {
    message.reply_data = at;
    message.reply_size = static_cast<uint32_t>(out.reply.size());
    put(out.reply);
    *at++ = ' ';
  }
  if (with_header) {
    put({header_text.data(), header_text.size()});
    *at++ = ' ';
  }
  put({total_text.data(), total_text.size()});
  put("\r\n");
  message.body = at;
  message.header_size = static_cast<uint32_t>(out.headers.size());
  message.total_size = static_cast<uint32_t>(total);
  put(out.headers);
  put(out.payload);
  put("\r\n");
  core::Published result = inbox_.router().publish_to(out.to, {}, message);
  return {result.deliveries, result.congested};
}

bool ShardEnvironment::has_interest(std::string_view subject, std::string_view queue) {
  const core::Plan& plan = inbox_.router().plans().find(account_, subject);
  if (queue.empty()) {
    return !plan.local.empty() || !plan.routes.empty() || plan.queue_count != 0;
  }
  for (uint32_t i = 0; i < plan.queue_count; ++i) {
    if (plan.queues[i].name == queue) return true;
  }
  return false;
}

uint64_t ShardEnvironment::interest_generation() {
  subject::IndexStats stats = account_.index().stats();
  return stats.inserts + stats.removes;
}

std::unique_ptr<Listening> ShardEnvironment::listen(std::string_view pattern,
                                                    std::string_view queue, Handler handler) {
  return std::make_unique<InternalListening>(
      inbox_.subscribe(account_, pattern, queue, std::move(handler)));
}

}  // namespace natrix::jetstream
