#include "operator/local/memory_api/server.h"

#include <charconv>

#include "broker/base/assert.h"

namespace natrix::memory_api {

using kube::WatchEvent;
using kube::WatchEventType;

namespace {

constexpr size_t kChangesPerStep = 256;

std::optional<uint64_t> parse_revision(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "<revision>/<namespace>/<name>" of the last object delivered.
std::string make_token(uint64_t revision, const Json& object) {
  const Json& metadata = object["metadata"];
  return fmt::format("{}/{}/{}", revision, metadata.value("namespace", ""),
                     metadata["name"].get<std::string>());
}

struct Token {
  uint64_t revision = 0;
  std::string ns;
  std::string name;
};

std::optional<Token> parse_token(const std::string& text) {
  const size_t first = text.find('/');
  const size_t second = first == std::string::npos ? first : text.find('/', first + 1);
  if (second == std::string::npos) return std::nullopt;
  const std::optional<uint64_t> revision = parse_revision(text.substr(0, first));
  if (!revision) return std::nullopt;
  return Token{*revision, text.substr(first + 1, second - first - 1), text.substr(second + 1)};
}

Json bookmark(const TypeInfo& type, uint64_t revision) {
  return {{"kind", type.type.kind},
          {"apiVersion", type.api_version()},
          {"metadata",
           {{"resourceVersion", std::to_string(revision)}, {"creationTimestamp", nullptr}}}};
}

bool after(const Json& object, const Token& token) {
  const Json& metadata = object["metadata"];
  return std::pair(metadata.value("namespace", ""), metadata["name"].get<std::string>()) >
         std::pair(token.ns, token.name);
}

}  // namespace

Json partial_metadata(const Json& object) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", object.value("metadata", Json::object())}};
}

ApiServer::ApiServer(ServerOptions options) : options_(options), core_(std::move(options.core)) {
  const TypePtr namespaces = core_.types().find("", "v1", "namespaces");
  for (const char* name : {"default", "kube-system"}) {
    Json space = {{"metadata", {{"name", name}}}};
    const bool made = core_.create(namespaces, "", std::move(space), {}).ok();
    NATRIX_ASSERT(made, "a new API server takes its own namespaces");
  }
}

// Documents come from outside: whatever they make the JSON library throw is a bad request.
template <class Result, class Function>
Result ApiServer::guarded(Function&& function) const {
  const std::lock_guard lock(wakeup_->mutex);
  try {
    return function();
  } catch (const Json::exception& error) {
    return fail_with(bad_request(fmt::format("the object is malformed: {}", error.what())));
  }
}

template <class Result, class Function>
Result ApiServer::write(Function&& function) {
  Result result = guarded<Result>([&]() -> Result {
    Result done = function();
    if (options_.collect_inline) core_.collect_garbage();
    return done;
  });
  wakeup_->changed.notify_all();
  return result;
}

TypePtr ApiServer::find_type(const std::string& group, const std::string& version,
                             const std::string& plural) const {
  const std::lock_guard lock(wakeup_->mutex);
  return core_.types().find(group, version, plural);
}

TypePtr ApiServer::find_kind(const std::string& api_version, const std::string& kind) const {
  const std::lock_guard lock(wakeup_->mutex);
  return core_.types().find_kind(api_version, kind);
}

std::vector<TypePtr> ApiServer::types() const {
  const std::lock_guard lock(wakeup_->mutex);
  return core_.types().all();
}

uint64_t ApiServer::revision() const {
  const std::lock_guard lock(wakeup_->mutex);
  return core_.store().revision();
}

Outcome<Json> ApiServer::get(const Target& target) const {
  return guarded<Outcome<Json>>([&] { return core_.get(target); });
}

Outcome<Json> ApiServer::get_at(const Target& target, uint64_t revision) const {
  return guarded<Outcome<Json>>([&]() -> Outcome<Json> {
    const Store& store = core_.store();
    if (revision < store.oldest()) return fail_with(expired(revision, store.oldest()));
    const std::string ns = target.type->type.namespaced ? target.ns : "";
    const ObjectPtr object = store.get_at({target.type->storage, ns, target.name}, revision);
    if (!object) return fail_with(not_found(target.type->type, target.name));
    return from_storage(*target.type, *object);
  });
}

Outcome<FieldSelector> ApiServer::field_selector(const TypeInfo& type,
                                                 const std::string& text) const {
  Result<FieldSelector> parsed = FieldSelector::parse(text);
  if (!parsed) return fail_with(bad_request(parsed.error().message));
  for (const std::string& field : parsed->fields()) {
    const std::vector<std::string>& known = type.selectable_fields;
    if (field == "metadata.name" || field == "metadata.namespace") continue;
    if (std::find(known.begin(), known.end(), field) != known.end()) continue;
    return fail_with(bad_request(fmt::format("field label not supported: {}", field)));
  }
  return *parsed;
}

Outcome<ListPage> ApiServer::list(const TypePtr& type, const ListRequest& request) const {
  return guarded<Outcome<ListPage>>([&]() -> Outcome<ListPage> {
    Result<LabelSelector> labels = LabelSelector::parse(request.label_selector);
    if (!labels) return fail_with(bad_request(labels.error().message));
    Outcome<FieldSelector> fields = field_selector(*type, request.field_selector);
    if (!fields) return fail_with(fields.error());
    const Store& store = core_.store();
    uint64_t revision = request.at_revision.value_or(store.revision());
    std::optional<Token> token;
    if (!request.continue_token.empty()) {
      token = parse_token(request.continue_token);
      if (!token) return fail_with(bad_request("continue key is not valid"));
      revision = token->revision;
    }
    if (revision < store.oldest()) return fail_with(expired(revision, store.oldest()));
    ListPage page;
    page.resource_version = std::to_string(revision);
    const std::vector<ObjectPtr> all = revision == store.revision()
                                           ? store.list(type->storage, request.ns)
                                           : store.list_at(type->storage, request.ns, revision);
    for (const ObjectPtr& stored : all) {
      // Labels are the same in every version of a type, and most lists select few by them.
      if ((token && !after(*stored, *token)) || !labels->matches(*stored)) continue;
      Json object = from_storage(*type, *stored);
      if (!fields->matches(object)) continue;
      if (request.limit > 0 && page.items.size() == request.limit) {
        if (page.remaining++ == 0) page.continue_token = make_token(revision, page.items.back());
        continue;
      }
      page.items.push_back(std::move(object));
    }
    return page;
  });
}

Outcome<Written> ApiServer::create(const TypePtr& type, const std::string& ns, Json object,
                                   const WriteOptions& options) {
  return write<Outcome<Written>>(
      [&] { return core_.create(type, ns, std::move(object), options); });
}

Outcome<Written> ApiServer::update(const Target& target, Json object, const WriteOptions& options) {
  return write<Outcome<Written>>([&] { return core_.update(target, std::move(object), options); });
}

Outcome<Written> ApiServer::patch(const Target& target, const PatchRequest& request,
                                  const WriteOptions& options) {
  return write<Outcome<Written>>([&] { return core_.patch(target, request, options); });
}

Outcome<Deleted> ApiServer::remove(const Target& target, const DeleteRequest& request) {
  return write<Outcome<Deleted>>([&] { return core_.remove(target, request); });
}

bool ApiServer::collect_garbage() {
  const std::lock_guard lock(wakeup_->mutex);
  const bool changed = core_.collect_garbage();
  wakeup_->changed.notify_all();
  return changed;
}

Outcome<std::unique_ptr<WatchCursor>> ApiServer::watch(const TypePtr& type,
                                                       const WatchRequest& request) {
  using Opened = Outcome<std::unique_ptr<WatchCursor>>;
  return guarded<Opened>([&]() -> Opened {
    Result<LabelSelector> labels = LabelSelector::parse(request.label_selector);
    if (!labels) return fail_with(bad_request(labels.error().message));
    Outcome<FieldSelector> fields = field_selector(*type, request.field_selector);
    if (!fields) return fail_with(fields.error());
    auto cursor = std::make_unique<WatchCursor>(type, request.ns, std::move(*labels),
                                                std::move(*fields), request.bookmarks);
    const Store& store = core_.store();
    cursor->revision_ = store.revision();
    const bool from_scratch = request.resource_version.empty() || request.resource_version == "0";
    if (from_scratch || request.send_initial) {
      for (const ObjectPtr& stored : store.list(type->storage, request.ns)) {
        Json object = from_storage(*type, *stored);
        if (!cursor->selects(object)) continue;
        cursor->pending_.push_back({WatchEventType::kAdded, std::move(object)});
      }
      if (request.send_initial && request.bookmarks) {
        Json end = bookmark(*type, cursor->revision_);
        end["metadata"]["annotations"]["k8s.io/initial-events-end"] = "true";
        cursor->pending_.push_back({WatchEventType::kBookmark, std::move(end)});
      }
      return cursor;
    }
    const std::optional<uint64_t> revision = parse_revision(request.resource_version);
    if (!revision) {
      return fail_with(bad_request(
          fmt::format("resourceVersion: Invalid value: \"{}\"", request.resource_version)));
    }
    if (*revision > store.revision()) {
      return fail_with(StatusError{
          504, "Timeout",
          fmt::format("Too large resource version: {}, current: {}", *revision, store.revision()),
          nullptr, std::chrono::seconds(1)});
    }
    if (*revision < store.oldest()) return fail_with(expired(*revision, store.oldest()));
    cursor->revision_ = *revision;
    return cursor;
  });
}

bool WatchCursor::selects(const Json& object) const {
  return labels_.matches(object) && fields_.matches(object);
}

// A change as the watcher sees it: an object that starts or stops to match was added or deleted.
std::optional<WatchEvent> WatchCursor::translate(const Change& change) const {
  if (change.key.storage != type_->storage) return std::nullopt;
  if (!ns_.empty() && change.key.ns != ns_) return std::nullopt;
  const Json object = from_storage(*type_, *change.object);
  const bool was = change.previous && selects(from_storage(*type_, *change.previous));
  const bool is = change.type != WatchEventType::kDeleted && selects(object);
  if (!was && !is) return std::nullopt;
  if (was && is) return WatchEvent{WatchEventType::kModified, object};
  if (is) return WatchEvent{WatchEventType::kAdded, object};
  Json last = from_storage(*type_, *change.previous);
  last["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"];
  return WatchEvent{WatchEventType::kDeleted, std::move(last)};
}

Outcome<std::optional<WatchEvent>> ApiServer::advance(WatchCursor& cursor) {
  if (!cursor.pending_.empty()) {
    WatchEvent event = std::move(cursor.pending_.front());
    cursor.pending_.pop_front();
    return std::optional(std::move(event));
  }
  const Store& store = core_.store();
  while (cursor.revision_ < store.revision()) {
    if (cursor.revision_ < store.oldest()) {
      return fail_with(expired(cursor.revision_, store.oldest()));
    }
    for (const Change& change : store.changes_after(cursor.revision_, kChangesPerStep)) {
      cursor.revision_ = change.revision;
      if (std::optional<WatchEvent> event = cursor.translate(change)) return event;
    }
  }
  const auto now = std::chrono::steady_clock::now();
  if (cursor.bookmarks_ && now - cursor.last_bookmark_ >= options_.bookmark_interval) {
    cursor.last_bookmark_ = now;
    return std::optional(
        WatchEvent{WatchEventType::kBookmark, bookmark(*cursor.type_, cursor.revision_)});
  }
  return std::optional<WatchEvent>();
}

Outcome<std::optional<WatchEvent>> ApiServer::next(WatchCursor& cursor,
                                                   std::chrono::milliseconds wait,
                                                   const std::function<bool()>& stop) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  std::unique_lock lock(wakeup_->mutex);
  for (;;) {
    if (wakeup_->stopping || (stop && stop())) return std::optional<WatchEvent>();
    Outcome<std::optional<WatchEvent>> event = advance(cursor);
    if (!event || event->has_value()) return event;
    auto until = deadline;
    if (cursor.bookmarks_) {
      until = std::min(until, cursor.last_bookmark_ + options_.bookmark_interval);
    }
    if (std::chrono::steady_clock::now() >= deadline) return event;
    wakeup_->changed.wait_until(lock, until);
  }
}

uint64_t ApiServer::wait_for_change(uint64_t seen, std::chrono::milliseconds wait) {
  std::unique_lock lock(wakeup_->mutex);
  wakeup_->changed.wait_for(lock, wait,
                            [&] { return wakeup_->stopping || core_.store().revision() > seen; });
  return core_.store().revision();
}

void ApiServer::stop() {
  {
    const std::lock_guard lock(wakeup_->mutex);
    wakeup_->stopping = true;
  }
  wakeup_->changed.notify_all();
}

bool ApiServer::stopping() const {
  const std::lock_guard lock(wakeup_->mutex);
  return wakeup_->stopping;
}

}  // namespace natrix::memory_api
