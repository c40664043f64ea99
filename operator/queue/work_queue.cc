#include "operator/queue/work_queue.h"

namespace natrix::queue {

WorkQueue::WorkQueue(QueueOptions options, ops::Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      bucket_(options_.retries_per_second, options_.retry_burst, clock.now()) {}

void WorkQueue::add(const Key& key) {
  std::lock_guard lock(mutex_);
  if (shut_down_) return;
  ++adds_;
  enqueue(key, clock_.now());
}

void WorkQueue::enqueue(const Key& key, ops::Time since) {
  if (!pending_.emplace(key, since).second) return;
  if (running_.contains(key)) return;  // done() puts it in line
  ready_.push_back(key);
  changed_.notify_all();
}

void WorkQueue::add_after(const Key& key, ops::Duration delay) {
  std::lock_guard lock(mutex_);
  if (shut_down_) return;
  delay_until(key, clock_.now() + delay);
}

void WorkQueue::retry(const Key& key, ops::Duration at_least) {
  std::lock_guard lock(mutex_);
  if (shut_down_) return;
  ++retries_;
  ops::Time now = clock_.now();
  ops::Duration own = options_.backoff.delay(++failures_[key], options_.random());
  delay_until(key, now + std::max({own, bucket_.reserve(now), at_least}));
}

void WorkQueue::forget(const Key& key) {
  std::lock_guard lock(mutex_);
  failures_.erase(key);
}

void WorkQueue::delay_until(const Key& key, ops::Time when) {
  auto known = delay_of_.find(key);
  if (known != delay_of_.end() && known->second <= when) return;
  drop_delay(key);
  delay_of_[key] = when;
  delays_.emplace(when, key);
  changed_.notify_all();
}

void WorkQueue::drop_delay(const Key& key) {
  auto known = delay_of_.find(key);
  if (known == delay_of_.end()) return;
  delays_.erase({known->second, key});
  delay_of_.erase(known);
}

void WorkQueue::promote_due(ops::Time now) {
  while (!delays_.empty() && delays_.begin()->first <= now) {
    auto [when, key] = *delays_.begin();
    drop_delay(key);
    enqueue(key, when);
  }
}

std::optional<Key> WorkQueue::take() {
  std::unique_lock lock(mutex_);
  while (!shut_down_) {
    ops::Time now = clock_.now();
    promote_due(now);
    if (ready_.empty()) {
      ops::Time next = delays_.empty() ? ops::Time::max() : delays_.begin()->first;
      clock_.wait_until(changed_, lock, next);
      continue;
    }
    Key key = std::move(ready_.front());
    ready_.pop_front();
    auto since = pending_.find(key);
    ops::Duration waited = now - since->second;
    pending_.erase(since);
    drop_delay(key);
    running_.insert(key);
    lock.unlock();
    if (options_.on_take) options_.on_take(waited);
    return key;
  }
  return std::nullopt;
}

void WorkQueue::done(const Key& key) {
  std::lock_guard lock(mutex_);
  running_.erase(key);
  if (shut_down_ || !pending_.contains(key)) return;
  ready_.push_back(key);
  changed_.notify_all();
}

void WorkQueue::shut_down() {
  std::lock_guard lock(mutex_);
  shut_down_ = true;
  changed_.notify_all();
}

QueueStats WorkQueue::stats() const {
  std::lock_guard lock(mutex_);
  return {ready_.size(), delays_.size(), running_.size(), adds_, retries_};
}

}  // namespace natrix::queue
