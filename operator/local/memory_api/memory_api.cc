#include "operator/local/memory_api/memory_api.h"

namespace natrix::memory_api {

using kube::ApiError;
using kube::ApiResult;
using kube::Errc;
using kube::ObjectRef;
using kube::ResourceType;

namespace {

class Token : public kube::CancelToken {
 public:
  explicit Token(std::shared_ptr<Wakeup> wakeup) : wakeup_(std::move(wakeup)) {}

  void cancel() override {
    {
      const std::lock_guard lock(wakeup_->mutex);
      cancelled_ = true;
    }
    wakeup_->changed.notify_all();
  }
  [[nodiscard]] bool cancelled() const override { return cancelled_; }

 private:
  std::shared_ptr<Wakeup> wakeup_;
  std::atomic<bool> cancelled_{false};
};

std::string describe(const char* verb, const ObjectRef& ref) {
  return fmt::format("{} {} {}{}{}", verb, qualified(ref.type), ref.ns, ref.ns.empty() ? "" : "/",
                     ref.name);
}

StatusError no_such_resource(const ResourceType& type) {
  return {404,
          "NotFound",
          fmt::format("the server could not find the requested resource ({})", qualified(type)),
          nullptr,
          {}};
}

ApiResult<Json> finish(const Outcome<Written>& written, const std::string& what) {
  if (!written) return fail_with(to_api_error(written.error(), what));
  return written->object;
}

}  // namespace

MemoryApi::MemoryApi(ApiServer& server, std::string manager)
    : server_(server), manager_(std::move(manager)) {}

std::shared_ptr<kube::CancelToken> MemoryApi::make_cancel_token() {
  return std::make_shared<Token>(server_.wakeup());
}

ApiResult<Json> MemoryApi::get(const ObjectRef& ref) {
  const std::string what = describe("get", ref);
  const TypePtr type = server_.find_type(ref.type.group, ref.type.version, ref.type.plural);
  if (!type) return fail_with(to_api_error(no_such_resource(ref.type), what));
  Outcome<Json> object = server_.get({type, ref.ns, ref.name, ""});
  if (!object) return fail_with(to_api_error(object.error(), what));
  return std::move(*object);
}

ApiResult<kube::ObjectList> MemoryApi::list(const ResourceType& resource,
                                            const kube::ListOptions& options) {
  const std::string what = describe("list", {resource, options.ns, ""});
  const TypePtr type = server_.find_type(resource.group, resource.version, resource.plural);
  if (!type) return fail_with(to_api_error(no_such_resource(resource), what));
  ListRequest request{options.ns,
                      options.label_selector,
                      options.field_selector,
                      static_cast<size_t>(std::max<int64_t>(options.limit, 0)),
                      "",
                      {}};
  kube::ObjectList out;
  do {
    Outcome<ListPage> page = server_.list(type, request);
    if (!page) return fail_with(to_api_error(page.error(), what));
    for (Json& item : page->items) {
      out.items.push_back(options.metadata_only ? partial_metadata(item) : std::move(item));
    }
    out.resource_version = page->resource_version;
    request.continue_token = page->continue_token;
  } while (!request.continue_token.empty());
  return out;
}

ApiResult<void> MemoryApi::watch(const ResourceType& resource, const kube::WatchOptions& options,
                                 const std::function<void(kube::WatchEvent)>& on_event,
                                 const std::shared_ptr<kube::CancelToken>& cancel) {
  const std::string what = describe("watch", {resource, options.ns, ""});
  const TypePtr type = server_.find_type(resource.group, resource.version, resource.plural);
  if (!type) return fail_with(to_api_error(no_such_resource(resource), what));
  Outcome<std::unique_ptr<WatchCursor>> cursor = server_.watch(
      type,
      {options.ns, options.label_selector, options.field_selector, options.resource_version, true});
  if (!cursor) return fail_with(to_api_error(cursor.error(), what));
  const auto stopped = [&] { return cancel && cancel->cancelled(); };
  const auto deadline = std::chrono::steady_clock::now() + watch_timeout_;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    Outcome<std::optional<kube::WatchEvent>> event = server_.next(**cursor, left, stopped);
    if (stopped()) return fail_with(ApiError{Errc::kCancelled, 0, what + ": cancelled", {}});
    if (!event) return fail_with(to_api_error(event.error(), what));
    if (!event->has_value()) {
      if (!server_.stopping()) return {};
      return fail_with(ApiError{Errc::kConnection, 0, what + ": the server stops", {}});
    }
    kube::WatchEvent& found = **event;
    if (options.metadata_only && found.type != kube::WatchEventType::kBookmark) {
      found.object = partial_metadata(found.object);
    }
    on_event(std::move(found));
  }
}

ApiResult<Json> MemoryApi::create(const ResourceType& resource, const Json& object) {
  const Json metadata = object.value("metadata", Json::object());
  const std::string ns = metadata.value("namespace", "");
  const std::string what = describe("create", {resource, ns, metadata.value("name", "")});
  const TypePtr type = server_.find_type(resource.group, resource.version, resource.plural);
  if (!type) return fail_with(to_api_error(no_such_resource(resource), what));
  return finish(server_.create(type, ns, object, {manager_, false, FieldValidation::kWarn}), what);
}

ApiResult<Json> MemoryApi::replace(const ObjectRef& ref, const Json& object) {
  const std::string what = describe("replace", ref);
  const TypePtr type = server_.find_type(ref.type.group, ref.type.version, ref.type.plural);
  if (!type) return fail_with(to_api_error(no_such_resource(ref.type), what));
  return finish(server_.update({type, ref.ns, ref.name, ""}, object,
                               {manager_, false, FieldValidation::kWarn}),
                what);
}

ApiResult<Json> MemoryApi::apply_to(const ObjectRef& ref, const Json& object,
                                    const std::string& manager, const std::string& subresource) {
  const std::string what = describe(subresource.empty() ? "apply" : "apply status of", ref);
  const TypePtr type = server_.find_type(ref.type.group, ref.type.version, ref.type.plural);
  if (!type || (!subresource.empty() && !type->has_status)) {
    return fail_with(to_api_error(no_such_resource(ref.type), what));
  }
  return finish(
      server_.patch({type, ref.ns, ref.name, subresource}, {PatchKind::kApply, object, true},
                    {manager, false, FieldValidation::kStrict}),
      what);
}

ApiResult<Json> MemoryApi::apply(const ObjectRef& ref, const Json& object,
                                 const std::string& manager) {
  return apply_to(ref, object, manager, "");
}

ApiResult<Json> MemoryApi::apply_status(const ObjectRef& ref, const Json& object,
                                        const std::string& manager) {
  return apply_to(ref, object, manager, "status");
}

ApiResult<Json> MemoryApi::merge_patch(const ObjectRef& ref, const Json& patch) {
  const std::string what = describe("patch", ref);
  const TypePtr type = server_.find_type(ref.type.group, ref.type.version, ref.type.plural);
  if (!type) return fail_with(to_api_error(no_such_resource(ref.type), what));
  return finish(server_.patch({type, ref.ns, ref.name, ""}, {PatchKind::kMerge, patch, false},
                              {manager_, false, FieldValidation::kWarn}),
                what);
}

ApiResult<void> MemoryApi::remove(const ObjectRef& ref,
                                  const kube::DeletePreconditions& preconditions,
                                  kube::Propagation propagation) {
  const std::string what = describe("delete", ref);
  const TypePtr type = server_.find_type(ref.type.group, ref.type.version, ref.type.plural);
  if (!type) return fail_with(to_api_error(no_such_resource(ref.type), what));
  if (preconditions.uid.empty()) {
    return fail_with(ApiError{Errc::kInvalid, 400, what + ": a uid precondition is required", {}});
  }
  Outcome<Deleted> deleted =
      server_.remove({type, ref.ns, ref.name, ""},
                     {preconditions.uid, preconditions.resource_version, propagation, {}, false});
  if (!deleted) return fail_with(to_api_error(deleted.error(), what));
  return {};
}

}  // namespace natrix::memory_api
