// ApiServer: Core made safe for many threads, with lists in pages and watches.
//
// Safe from any thread; every call is one step under one lock. Watches read the store's window of
// past changes at their own pace: nothing is queued per watcher, and one that falls out of the
// window gets 410 like from a real API server. next() is the only call that waits.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "operator/local/memory_api/core.h"

namespace natrix::memory_api {

struct ServerOptions {
  CoreOptions core;
  // Garbage is collected right after each write; false: when collect_garbage() is called.
  bool collect_inline = true;
  std::chrono::milliseconds bookmark_interval{30000};
};

struct ListRequest {
  std::string ns;
  std::string label_selector;
  std::string field_selector;
  size_t limit = 0;  // 0: all
  std::string continue_token;
  std::optional<uint64_t> at_revision;  // a read as stale as this; 410 when it is too long ago
};

struct ListPage {
  std::vector<Json> items;
  std::string resource_version;
  std::string continue_token;  // empty: the last page
  size_t remaining = 0;
};

struct WatchRequest {
  std::string ns;
  std::string label_selector;
  std::string field_selector;
  // Empty or "0": first ADDED for everything that is there, then changes.
  std::string resource_version;
  bool bookmarks = false;
  // Watch-list: what is there first, then a bookmark annotated k8s.io/initial-events-end.
  bool send_initial = false;
};

// What waiting calls share with whoever wants to wake them.
struct Wakeup {
  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
};

// The place of one watch in the stream of changes. Used by one thread.
class WatchCursor {
 public:
  WatchCursor(TypePtr type, std::string ns, LabelSelector labels, FieldSelector fields,
              bool bookmarks)
      : type_(std::move(type)),
        ns_(std::move(ns)),
        labels_(std::move(labels)),
        fields_(std::move(fields)),
        bookmarks_(bookmarks) {}

 private:
  friend class ApiServer;
  [[nodiscard]] bool selects(const Json& object) const;
  [[nodiscard]] std::optional<kube::WatchEvent> translate(const Change& change) const;

  TypePtr type_;
  std::string ns_;
  LabelSelector labels_;
  FieldSelector fields_;
  bool bookmarks_;
  uint64_t revision_ = 0;
  std::deque<kube::WatchEvent> pending_;
  std::chrono::steady_clock::time_point last_bookmark_ = std::chrono::steady_clock::now();
};

class ApiServer {
 public:
  // The namespaces "default" and "kube-system" are there from the start.
  explicit ApiServer(ServerOptions options = {});

  // nullptr: the resource is not served.
  [[nodiscard]] TypePtr find_type(const std::string& group, const std::string& version,
                                  const std::string& plural) const;
  [[nodiscard]] TypePtr find_kind(const std::string& api_version, const std::string& kind) const;
  [[nodiscard]] std::vector<TypePtr> types() const;
  [[nodiscard]] uint64_t revision() const;

  Outcome<Json> get(const Target& target) const;
  // As it was at `revision`; 410 when that is too long ago.
  Outcome<Json> get_at(const Target& target, uint64_t revision) const;
  Outcome<ListPage> list(const TypePtr& type, const ListRequest& request) const;
  Outcome<Written> create(const TypePtr& type, const std::string& ns, Json object,
                          const WriteOptions& options);
  Outcome<Written> update(const Target& target, Json object, const WriteOptions& options);
  Outcome<Written> patch(const Target& target, const PatchRequest& request,
                         const WriteOptions& options);
  Outcome<Deleted> remove(const Target& target, const DeleteRequest& request);

  Outcome<std::unique_ptr<WatchCursor>> watch(const TypePtr& type, const WatchRequest& request);
  // The next event; nothing when `wait` passed, when `stop` says so after a wake-up, or when the
  // server stops.
  Outcome<std::optional<kube::WatchEvent>> next(WatchCursor& cursor, std::chrono::milliseconds wait,
                                                const std::function<bool()>& stop = {});

  bool collect_garbage();

  // Blocks until there is a change after `seen`, `wait` has passed or the server stops. Returns the
  // current revision.
  uint64_t wait_for_change(uint64_t seen, std::chrono::milliseconds wait);

  // Ends all waiting; watches return nothing from then on.
  void stop();
  [[nodiscard]] bool stopping() const;
  [[nodiscard]] const std::shared_ptr<Wakeup>& wakeup() const { return wakeup_; }

 private:
  template <class Result, class Function>
  Result guarded(Function&& function) const;
  template <class Result, class Function>
  Result write(Function&& function);
  Outcome<FieldSelector> field_selector(const TypeInfo& type, const std::string& text) const;
  Outcome<std::optional<kube::WatchEvent>> advance(WatchCursor& cursor);

  ServerOptions options_;
  std::shared_ptr<Wakeup> wakeup_ = std::make_shared<Wakeup>();
  Core core_;
};

// The metadata alone, as kind PartialObjectMetadata.
Json partial_metadata(const Json& object);

}  // namespace natrix::memory_api
