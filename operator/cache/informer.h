// Keeps a Store in step with one kind of object by LIST and WATCH, for ever, through every error.
//
// The stream is resumed where it stopped (bookmarks included); 410 Gone and stubborn failures lead
// to a new LIST; every wait is backed off and spread. One thread of its own, from start() to
// stop(). The lookups are safe from any thread; `on_change` is called on the informer's thread,
// after the store has changed, and must not block for long: while it runs nothing more is read.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "operator/base/backoff.h"
#include "operator/base/log.h"
#include "operator/cache/store.h"

namespace natrix::cache {

struct InformerOptions {
  kube::ResourceType type;
  std::string ns;  // empty: all namespaces
  std::string label_selector;
  std::string field_selector;
  bool metadata_only = false;
  Projection projection = project_all;
  ops::BackoffPolicy backoff{.initial = std::chrono::milliseconds(200),
                             .max = std::chrono::seconds(30),
                             .factor = 2.0,
                             .jitter = 0.5};
  // After 410 Gone all informers of all replicas would list at once: wait up to this long first.
  ops::Duration relist_spread = std::chrono::seconds(1);
  ops::RandomSource random = ops::default_random();
};

struct InformerStats {
  uint64_t lists = 0;
  uint64_t watches = 0;
  uint64_t events = 0;
  uint64_t failures = 0;
};

class Informer {
 public:
  using Handler = std::function<void(const Change&)>;

  // `api`, `clock` and `log` outlive the informer.
  Informer(kube::Api& api, InformerOptions options, ops::Clock& clock, ops::Log& log,
           Handler on_change);
  ~Informer();
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  void start();
  // Tells the thread to end, without waiting for it.
  void cancel();
  // Ends the thread, within milliseconds unless a LIST or the handler is under way.
  void stop();

  // The first LIST is complete and delivered. Stays true while later connections come and go.
  [[nodiscard]] bool synced() const { return synced_; }
  // False: not synced at `deadline`, or stopped before.
  bool wait_synced(ops::Time deadline);

  [[nodiscard]] std::optional<Item> find(const Key& key) const;
  [[nodiscard]] std::vector<Key> keys() const;
  [[nodiscard]] std::vector<Key> owned_by(const std::string& owner_uid) const;
  [[nodiscard]] size_t size() const;
  [[nodiscard]] InformerStats stats() const;
  [[nodiscard]] const kube::ResourceType& type() const { return options_.type; }

 private:
  // In a row; more than one bad API server of a load balancer explains.
  static constexpr int kFailuresBeforeRelist = 5;

  void run();
  [[nodiscard]] kube::ApiResult<void> list();
  void watch_once();
  void on_event(const kube::WatchEvent& event);
  void failed(const kube::ApiError& error);
  void deliver(const std::optional<Change>& change);
  // False when stopped meanwhile.
  bool pause(ops::Duration duration);

  kube::Api& api_;
  const InformerOptions options_;
  ops::Clock& clock_;
  ops::Log& log_;
  const Handler on_change_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Store store_;
  InformerStats stats_;
  bool stopping_ = false;
  std::shared_ptr<kube::CancelToken> cancel_;
  std::atomic<bool> synced_{false};

  // Only the informer's thread.
  std::string version_;  // empty: list first
  int failures_ = 0;
  bool stream_was_useful_ = false;

  std::thread thread_;
};

}  // namespace natrix::cache
