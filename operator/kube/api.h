// The Kubernetes API as the operator sees it. Two implementations: HttpApi (kube/, over cpprestsdk,
// for a real API server) and MemoryApi (local/, the embedded mode and fault-injection tests).
//
// Safe from any thread. Calls block the calling thread until the answer, the deadline or
// cancellation; never call them from a callback of the transport. Objects are JSON documents.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/result.h"

namespace natrix::kube {

using Json = nlohmann::json;

struct ResourceType {
  std::string group;  // empty: core
  std::string version;
  std::string plural;
  std::string kind;
  bool namespaced = true;
  friend auto operator<=>(const ResourceType&, const ResourceType&) = default;
};

struct ObjectRef {
  ResourceType type;
  std::string ns;
  std::string name;
  friend auto operator<=>(const ObjectRef&, const ObjectRef&) = default;
};

// Classified by what the caller should do, not by what went wrong underneath.
enum class Errc {
  kNotFound,         // 404
  kAlreadyExists,    // 409 with reason AlreadyExists
  kConflict,         // 409: read again and retry
  kGone,             // 410: relist
  kInvalid,          // 422, 400: do not retry unchanged
  kForbidden,        // 403
  kUnauthorized,     // 401
  kTooManyRequests,  // 429: wait retry_after
  kTimeout,          // deadline passed; the write may have happened
  kConnection,       // refused, reset, cut; the write may have happened
  kCancelled,
  kServer,  // 5xx
};

struct ApiError {
  Errc code = Errc::kServer;
  int http_status = 0;
  std::string message;  // the API server's own words, prefixed by verb and object
  std::optional<std::chrono::milliseconds> retry_after;
};

template <class T>
using ApiResult = Result<T, ApiError>;

struct ListOptions {
  std::string ns;  // empty: all namespaces
  std::string label_selector;
  std::string field_selector;
  bool metadata_only = false;  // PartialObjectMetadata
  int64_t limit = 500;         // page size; list() follows continue tokens
};

struct ObjectList {
  std::vector<Json> items;
  std::string resource_version;
};

struct WatchOptions {
  std::string ns;
  std::string label_selector;
  std::string field_selector;
  bool metadata_only = false;
  std::string resource_version;
};

enum class WatchEventType { kAdded, kModified, kDeleted, kBookmark };

struct WatchEvent {
  WatchEventType type;
  Json object;
};

// Stops a running watch from another thread; a stopped one stays stopped.
class CancelToken {
 public:
  virtual ~CancelToken() = default;
  virtual void cancel() = 0;
  [[nodiscard]] virtual bool cancelled() const = 0;
};

struct DeletePreconditions {
  std::string uid;               // required: we never delete by name alone
  std::string resource_version;  // empty: not checked
};

enum class Propagation { kBackground, kForeground, kOrphan };

class Api {
 public:
  virtual ~Api() = default;

  virtual ApiResult<Json> get(const ObjectRef& ref) = 0;
  virtual ApiResult<ObjectList> list(const ResourceType& type, const ListOptions& options) = 0;
  // list() without holding the whole list in memory: hands each object to `on_item` on the calling
  // thread and returns the list's resourceVersion. After an error a part may have been delivered.
  virtual ApiResult<std::string> list_each(const ResourceType& type, const ListOptions& options,
                                           const std::function<void(Json)>& on_item) {
    ApiResult<ObjectList> all = list(type, options);
    if (!all) return fail_with(ApiError(all.error()));
    for (Json& item : all->items) on_item(std::move(item));
    return all->resource_version;
  }

  // Delivers events on the calling thread until the stream ends (success: reopen from the last
  // version seen), fails (kGone: relist), or `cancel` fires (kCancelled). Bookmarks are requested
  // and delivered. Back-pressure: the next event is read only after `on_event` returned.
  virtual ApiResult<void> watch(const ResourceType& type, const WatchOptions& options,
                                const std::function<void(WatchEvent)>& on_event,
                                const std::shared_ptr<CancelToken>& cancel) = 0;
  virtual std::shared_ptr<CancelToken> make_cancel_token() = 0;

  virtual ApiResult<Json> create(const ResourceType& type, const Json& object) = 0;
  // PUT; object carries metadata.resourceVersion for optimistic locking.
  virtual ApiResult<Json> replace(const ObjectRef& ref, const Json& object) = 0;
  // Server-side apply with force as field manager `manager`; creates when absent.
  virtual ApiResult<Json> apply(const ObjectRef& ref, const Json& object,
                                const std::string& manager) = 0;
  virtual ApiResult<Json> apply_status(const ObjectRef& ref, const Json& object,
                                       const std::string& manager) = 0;
  virtual ApiResult<Json> merge_patch(const ObjectRef& ref, const Json& patch) = 0;
  virtual ApiResult<void> remove(const ObjectRef& ref, const DeletePreconditions& preconditions,
                                 Propagation propagation) = 0;
};

}  // namespace natrix::kube
