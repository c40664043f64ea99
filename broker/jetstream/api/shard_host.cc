#include "broker/jetstream/api/shard_host.h"

#include <chrono>

namespace natrix::jetstream::api {

namespace {

constexpr auto kLookInterval = std::chrono::milliseconds(50);

class TaskMail final : public io::Mail {
 public:
  explicit TaskMail(std::function<void()> task) : task_(std::move(task)) {}
  void open(io::Shard& shard) override {
    io::Turn turn(shard);
    task_();
  }

 private:
  std::function<void()> task_;
};

}  // namespace

ShardHost::ShardHost(core::Router& router)
    : shard_(router.shard()),
      inbox_(router),
      timers_(shard_),
      look_timer_(timers_, [this] { look(); }) {}

void ShardHost::run(std::function<void()> task) {
  if (io::Shard::current() == &shard_) return task();
  shard_.send(std::make_unique<TaskMail>(std::move(task)), true);
}

void ShardHost::post(std::function<void()> task) {
  shard_.send(std::make_unique<TaskMail>(std::move(task)), false);
}

ShardEnvironment& ShardHost::environment(account::Account& account) {
  std::unique_ptr<ShardEnvironment>& made = environments_[&account];
  if (!made) made = std::make_unique<ShardEnvironment>(inbox_, timers_, account);
  return *made;
}

void ShardHost::watch(InterestWatcher& watcher, account::Account& account) {
  watchers_[&watcher] = &account;
  if (!look_timer_.is_set()) look_timer_.set(io::Clock::now() + kLookInterval);
}

void ShardHost::unwatch(InterestWatcher& watcher) {
  watchers_.erase(&watcher);
}

void ShardHost::look() {
  if (watchers_.empty()) return;
  std::set<account::Account*> moved;
  for (auto& [watcher, account] : watchers_) {
    uint64_t now = environment(*account).interest_generation();
    uint64_t& seen = generations_[account];
    if (moved.contains(account) || seen != now) moved.insert(account);
    seen = now;
  }
  std::map<InterestWatcher*, account::Account*> asked;
  if (!moved.empty()) asked = watchers_;
  for (auto& [watcher, account] : asked) {
    if (moved.contains(account) && watchers_.contains(watcher)) watcher->interest_changed();
  }
  look_timer_.set(io::Clock::now() + kLookInterval);
}

}  // namespace natrix::jetstream::api
