// An account in memory: subjects, time and timers as a test sets them, for streams and consumers
// without a server. Messages to the handlers that listen are delivered by settle(), like those of a
// shard at the end of its turn.
#pragma once

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "broker/jetstream/environment/environment.h"
#include "broker/subject/tokens.h"

namespace natrix::jetstream {

struct Sent {
  std::string to, subject, reply, headers, payload;
};

class FakeEnvironment final : public Environment {
 public:
  static constexpr int64_t kSecond = 1'000'000'000;

  int64_t now() override { return now_ + clock_set_by_; }
  int64_t steady_now() override { return now_; }

  // The wall clock is set, alarms and the steady clock go on as they were.
  void set_clock(int64_t by) { clock_set_by_ += by; }

  std::unique_ptr<Alarm> alarm(std::function<void()> on_due) override {
    return std::make_unique<FakeAlarm>(*this, std::move(on_due));
  }

  Environment::Sent publish(const Outgoing& out) override {
    std::string subject(out.subject.empty() ? out.to : out.subject);
    uint32_t receivers = 0;
    for (Listener* listener : listeners_) {
      if (!subject::matches(listener->pattern, out.to)) continue;
      ++receivers;
      waiting_.push_back({listener,
                          {std::string(out.to), subject, std::string(out.reply),
                           std::string(out.headers), std::string(out.payload)}});
    }
    bool heard = std::any_of(interest_.begin(), interest_.end(), [&](const std::string& pattern) {
      return subject::matches(pattern, out.to);
    });
    if (heard) {
      sent.push_back({std::string(out.to), subject, std::string(out.reply),
                      std::string(out.headers), std::string(out.payload)});
      ++receivers;
    }
    return {receivers, congested};
  }
  bool has_interest(std::string_view subject, std::string_view) override {
    return std::any_of(interest_.begin(), interest_.end(), [&](const std::string& pattern) {
      return subject::matches(pattern, subject);
    });
  }
  uint64_t interest_generation() override { return generation_; }
  std::unique_ptr<Listening> listen(std::string_view pattern, std::string_view,
                                    Handler handler) override {
    return std::make_unique<Listener>(*this, std::string(pattern), std::move(handler));
  }
  void at_turn_end(core::TurnTask& task) override {
    if (std::find(tasks_.begin(), tasks_.end(), &task) == tasks_.end()) tasks_.push_back(&task);
  }
  void forget(core::TurnTask& task) override { std::erase(tasks_, &task); }

  // --- for tests

  // A client that listens; what it gets is in `sent`.
  void hear(const std::string& pattern) {
    interest_.insert(pattern);
    ++generation_;
  }
  void stop_hearing(const std::string& pattern) {
    interest_.erase(pattern);
    ++generation_;
  }
  // A client publishes; everything that follows from it has happened afterwards.
  void client_publish(const std::string& subject, const std::string& payload,
                      const std::string& reply = "", const std::string& headers = "") {
    publish({.to = subject, .reply = reply, .headers = headers, .payload = payload});
    settle();
  }
  void settle() {
    while (!waiting_.empty() || !tasks_.empty()) {
      while (!waiting_.empty()) deliver_next();
      if (tasks_.empty()) continue;
      core::TurnTask* task = tasks_.front();
      tasks_.pop_front();
      task->run();
    }
  }
  // Time passes; timers fire in order at their times.
  void pass(int64_t nanos) {
    int64_t end = now_ + nanos;
    while (!due_.empty() && due_.begin()->first <= end) {
      auto [time, alarm] = *due_.begin();
      now_ = std::max(now_, time);
      due_.erase(due_.begin());
      alarm->due = -1;
      std::function<void()> on_due = alarm->on_due;
      on_due();
      settle();
    }
    now_ = end;
  }
  std::vector<jetstream::Sent> take() { return std::exchange(sent, {}); }

  std::vector<jetstream::Sent> sent;
  bool congested = false;

 private:
  struct FakeAlarm final : Alarm {
    FakeAlarm(FakeEnvironment& env, std::function<void()> callback)
        : environment(env), on_due(std::move(callback)) {}
    ~FakeAlarm() override { clear(); }
    void set(int64_t nanos) override {
      clear();
      due = environment.now_ + std::max<int64_t>(nanos, 0);
      environment.due_.insert({due, this});
    }
    void clear() override {
      if (due >= 0) environment.due_.erase({due, this});
      due = -1;
    }
    [[nodiscard]] bool is_set() const override { return due >= 0; }
    FakeEnvironment& environment;
    std::function<void()> on_due;
    int64_t due = -1;
  };
  struct Listener final : Listening {
    Listener(FakeEnvironment& env, std::string text, Handler callback)
        : environment(env), pattern(std::move(text)), handler(std::move(callback)) {
      environment.listeners_.push_back(this);
    }
    ~Listener() override {
      std::erase(environment.listeners_, this);
      std::erase_if(environment.waiting_, [this](const auto& one) { return one.first == this; });
    }
    FakeEnvironment& environment;
    std::string pattern;
    Handler handler;
  };

  void deliver_next() {
    auto [listener, what] = std::move(waiting_.front());
    waiting_.pop_front();
    std::string body = what.headers + what.payload + "\r\n";
    core::Message message;
    message.subject_data = what.subject.data();
    message.subject_size = static_cast<uint32_t>(what.subject.size());
    message.reply_data = what.reply.data();
    message.reply_size = static_cast<uint32_t>(what.reply.size());
    message.body = body.data();
    message.header_size = static_cast<uint32_t>(what.headers.size());
    message.total_size = static_cast<uint32_t>(body.size() - 2);
    Handler handler = listener->handler;
    handler(message);
  }

  int64_t now_ = 1'700'000'000 * kSecond;
  int64_t clock_set_by_ = 0;
  uint64_t generation_ = 0;
  std::set<std::string> interest_;
  std::vector<Listener*> listeners_;
  std::deque<std::pair<Listener*, jetstream::Sent>> waiting_;
  std::deque<core::TurnTask*> tasks_;
  std::set<std::pair<int64_t, FakeAlarm*>> due_;
};

}  // namespace natrix::jetstream
