// Which objects need a look, in which order, and when.
//
// A key is worked on by one worker at a time. Adding a key that already waits changes nothing;
// adding one that is being worked on makes it run once more afterwards, however often it was added.
// So the queue holds every key at most once and is bounded by the number of objects.
//
//   while (auto key = queue.take()) {
//     if (work(*key)) queue.forget(*key); else queue.retry(*key);
//     queue.done(*key);
//   }
//
// Safe from any thread.
#pragma once

#include <compare>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "operator/base/backoff.h"
#include "operator/base/clock.h"
#include "operator/base/token_bucket.h"

namespace natrix::queue {

struct Key {
  std::string ns;
  std::string name;
  friend auto operator<=>(const Key&, const Key&) = default;
};

struct QueueOptions {
  // Of one key's retries, by its failures in a row.
  ops::BackoffPolicy backoff{.initial = std::chrono::milliseconds(50),
                             .max = std::chrono::seconds(300),
                             .factor = 2.0,
                             .jitter = 0.2};
  // Of all retries together; 0: no limit.
  double retries_per_second = 10;
  double retry_burst = 100;
  ops::RandomSource random = ops::default_random();
  // Called by take() with the time the key has waited since it was due; may be empty.
  std::function<void(ops::Duration)> on_take;
};

struct QueueStats {
  size_t ready = 0;
  size_t delayed = 0;
  size_t running = 0;
  uint64_t adds = 0;
  uint64_t retries = 0;
};

class WorkQueue {
 public:
  WorkQueue(QueueOptions options, ops::Clock& clock);

  // Something happened to the object: work on it as soon as a worker is free.
  void add(const Key& key);
  // Look again after `delay`. Of several delays of one key the earliest counts, and all of them end
  // when the key is taken: that pass decides anew.
  void add_after(const Key& key, ops::Duration delay);
  // The pass failed: look again after this key's backoff and the overall retry limit, but not
  // before `at_least` has passed, which is what an API server that is overloaded asked for.
  void retry(const Key& key, ops::Duration at_least = ops::Duration(0));
  // The pass succeeded: the next failure counts as the first again.
  void forget(const Key& key);

  // Waits for work; nothing once shut_down() was called. Each taken key needs its done().
  std::optional<Key> take();
  void done(const Key& key);

  // take() returns nothing from now on and adding does nothing; running passes go on.
  void shut_down();

  [[nodiscard]] QueueStats stats() const;

 private:
  void enqueue(const Key& key, ops::Time since);
  void delay_until(const Key& key, ops::Time when);
  void drop_delay(const Key& key);
  void promote_due(ops::Time now);

  const QueueOptions options_;
  ops::Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool shut_down_ = false;
  ops::TokenBucket bucket_;
  std::deque<Key> ready_;
  // Since when a key is due: those in ready_, and those that run again after the pass under way.
  std::map<Key, ops::Time> pending_;
  std::set<Key> running_;
  std::set<std::pair<ops::Time, Key>> delays_;
  std::map<Key, ops::Time> delay_of_;
  std::map<Key, int> failures_;
  uint64_t adds_ = 0;
  uint64_t retries_ = 0;
};

}  // namespace natrix::queue
