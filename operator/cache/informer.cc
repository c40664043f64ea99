#include "operator/cache/informer.h"

#include "operator/kube/errors.h"
#include "operator/kube/url.h"

namespace natrix::cache {
namespace {

std::string version_of(const kube::Json& object) {
  auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return {};
  auto version = metadata->find("resourceVersion");
  return version != metadata->end() && version->is_string() ? version->get<std::string>()
                                                            : std::string();
}

}  // namespace

Informer::Informer(kube::Api& api, InformerOptions options, ops::Clock& clock, ops::Log& log,
                   Handler on_change)
    : api_(api),
      options_(std::move(options)),
      clock_(clock),
      log_(log),
      on_change_(std::move(on_change)),
      store_(options_.projection),
      cancel_(api.make_cancel_token()) {}

Informer::~Informer() {
  stop();
}

void Informer::start() {
  thread_ = std::thread([this] { run(); });
}

void Informer::cancel() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  cancel_->cancel();
}

void Informer::stop() {
  cancel();
  if (thread_.joinable()) thread_.join();
}

void Informer::run() {
  while (pause(ops::Duration(0))) {
    if (!version_.empty()) {
      watch_once();
      continue;
    }
    kube::ApiResult<void> listed = list();
    if (!listed) {
      failed(listed.error());
      continue;
    }
    failures_ = 0;
    std::lock_guard lock(mutex_);
    synced_ = true;
    changed_.notify_all();
  }
}

kube::ApiResult<void> Informer::list() {
  kube::ListOptions options{.ns = options_.ns,
                            .label_selector = options_.label_selector,
                            .field_selector = options_.field_selector,
                            .metadata_only = options_.metadata_only};
  {
    std::lock_guard lock(mutex_);
    ++stats_.lists;
    store_.begin_list();
  }
  auto version = api_.list_each(options_.type, options, [this](const kube::Json& object) {
    std::unique_lock lock(mutex_);
    std::optional<Change> change = store_.upsert_listed(object);
    lock.unlock();
    deliver(change);
  });
  if (!version) return fail_with(version.error());
  if (version->empty()) {
    return fail_with(kube::ApiError{.message = "list " + kube::describe(options_.type) +
                                               ": the list has no resourceVersion"});
  }
  std::vector<Change> gone;
  {
    std::lock_guard lock(mutex_);
    gone = store_.end_list();
  }
  for (const Change& change : gone) deliver(change);
  version_ = std::move(*version);
  return {};
}

void Informer::watch_once() {
  kube::WatchOptions options{.ns = options_.ns,
                             .label_selector = options_.label_selector,
                             .field_selector = options_.field_selector,
                             .metadata_only = options_.metadata_only,
                             .resource_version = version_};
  {
    std::lock_guard lock(mutex_);
    ++stats_.watches;
  }
  stream_was_useful_ = false;
  ops::Time begin = clock_.now();
  auto result = api_.watch(
      options_.type, options, [this](const kube::WatchEvent& event) { on_event(event); }, cancel_);
  if (!result) {
    failed(result.error());
  } else if (!stream_was_useful_ && clock_.now() - begin < std::chrono::seconds(1)) {
    // A server that ends every stream at once must not make us spin.
    pause(options_.backoff.delay(++failures_, options_.random()));
  } else {
    failures_ = 0;
  }
}

void Informer::on_event(const kube::WatchEvent& event) {
  stream_was_useful_ = true;
  failures_ = 0;
  if (std::string version = version_of(event.object); !version.empty()) version_ = version;
  std::optional<Change> change;
  {
    std::lock_guard lock(mutex_);
    ++stats_.events;
    switch (event.type) {
      case kube::WatchEventType::kAdded:
      case kube::WatchEventType::kModified:
        change = store_.upsert(event.object);
        break;
      case kube::WatchEventType::kDeleted:
        change = store_.erase(event.object);
        break;
      case kube::WatchEventType::kBookmark:
        break;
    }
  }
  deliver(change);
}

void Informer::deliver(const std::optional<Change>& change) {
  if (change && on_change_) on_change_(*change);
}

void Informer::failed(const kube::ApiError& error) {
  if (error.code == kube::Errc::kCancelled) {
    // We stop, or the whole client does and our turn comes soon.
    pause(options_.backoff.initial);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    ++stats_.failures;
  }
  if (error.code == kube::Errc::kGone) {
    log_.info("watch is too old, listing again", {{"type", kube::describe(options_.type)}});
    version_.clear();
    pause(ops::Duration(static_cast<ops::Duration::rep>(
        static_cast<double>(options_.relist_spread.count()) * options_.random())));
    return;
  }
  ++failures_;
  ops::Duration delay = options_.backoff.delay(failures_, options_.random());
  if (error.retry_after) delay = std::max<ops::Duration>(delay, *error.retry_after);
  bool relist = failures_ >= kFailuresBeforeRelist;
  if (relist) version_.clear();
  // A watch that is cut now and then is normal life and heals at once.
  ops::Fields fields{{"type", kube::describe(options_.type)},
                     {"error", error.message},
                     {"code", kube::to_string(error.code)},
                     {"retry_in_ms", delay / std::chrono::milliseconds(1)}};
  if (failures_ == 1 && synced_) {
    log_.debug("watch was interrupted", fields);
  } else {
    log_.warn("cannot follow objects", fields);
  }
  pause(delay);
}

bool Informer::pause(ops::Duration duration) {
  std::unique_lock lock(mutex_);
  ops::Time until = clock_.now() + duration;
  while (!stopping_ && clock_.now() < until) clock_.wait_until(changed_, lock, until);
  return !stopping_;
}

bool Informer::wait_synced(ops::Time deadline) {
  std::unique_lock lock(mutex_);
  while (!synced_ && !stopping_ && clock_.now() < deadline) {
    clock_.wait_until(changed_, lock, deadline);
  }
  return synced_;
}

std::optional<Item> Informer::find(const Key& key) const {
  std::lock_guard lock(mutex_);
  return store_.find(key);
}

std::vector<Key> Informer::keys() const {
  std::lock_guard lock(mutex_);
  return store_.keys();
}

std::vector<Key> Informer::owned_by(const std::string& owner_uid) const {
  std::lock_guard lock(mutex_);
  return store_.owned_by(owner_uid);
}

size_t Informer::size() const {
  std::lock_guard lock(mutex_);
  return store_.size();
}

InformerStats Informer::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace natrix::cache
