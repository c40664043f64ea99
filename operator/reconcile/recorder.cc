#include "operator/reconcile/recorder.h"

#include "operator/kube/resources.h"
#include "operator/reconcile/types.h"

namespace natrix::reconcile {

using kube::ApiResult;
using kube::ObjectRef;
using kube::ResourceType;

void Recorder::note(const ObjectRef& ref, const Json& object) {
  versions_[ref] = string_at(object, {"metadata", "resourceVersion"});
}

ApiResult<Json> Recorder::noted(const ObjectRef& ref, ApiResult<Json> result) {
  if (result) {
    note(ref, *result);
  } else if (result.error().code == kube::Errc::kNotFound) {
    versions_[ref].clear();
  }
  return result;
}

ApiResult<Json> Recorder::get(const ObjectRef& ref) {
  return noted(ref, inner_.get(ref));
}

ApiResult<kube::ObjectList> Recorder::list(const ResourceType& type,
                                           const kube::ListOptions& options) {
  auto result = inner_.list(type, options);
  if (!result || type != kube::kPods) return result;
  for (const Json& item : result->items) {
    note({type, string_at(item, {"metadata", "namespace"}), string_at(item, {"metadata", "name"})},
         item);
  }
  return result;
}

ApiResult<void> Recorder::watch(const ResourceType& type, const kube::WatchOptions& options,
                                const std::function<void(kube::WatchEvent)>& on_event,
                                const std::shared_ptr<kube::CancelToken>& cancel) {
  return inner_.watch(type, options, on_event, cancel);
}

std::shared_ptr<kube::CancelToken> Recorder::make_cancel_token() {
  return inner_.make_cancel_token();
}

ApiResult<Json> Recorder::create(const ResourceType& type, const Json& object) {
  return inner_.create(type, object);
}

ApiResult<Json> Recorder::replace(const ObjectRef& ref, const Json& object) {
  return noted(ref, inner_.replace(ref, object));
}

ApiResult<Json> Recorder::apply(const ObjectRef& ref, const Json& object,
                                const std::string& manager) {
  return noted(ref, inner_.apply(ref, object, manager));
}

ApiResult<Json> Recorder::apply_status(const ObjectRef& ref, const Json& object,
                                       const std::string& manager) {
  return noted(ref, inner_.apply_status(ref, object, manager));
}

ApiResult<Json> Recorder::merge_patch(const ObjectRef& ref, const Json& patch) {
  return noted(ref, inner_.merge_patch(ref, patch));
}

ApiResult<void> Recorder::remove(const ObjectRef& ref,
                                 const kube::DeletePreconditions& preconditions,
                                 kube::Propagation propagation) {
  return inner_.remove(ref, preconditions, propagation);
}

bool still_so(const Versions& versions, const View& view, kube::Api& api) {
  for (const auto& [ref, version] : versions) {
    if (const auto seen = view.version(ref)) {
      if (*seen != version) return false;
      continue;
    }
    const auto read = api.get(ref);
    if (!read && (read.error().code != kube::Errc::kNotFound || !version.empty())) return false;
    if (read && string_at(*read, {"metadata", "resourceVersion"}) != version) return false;
  }
  return true;
}

}  // namespace natrix::reconcile
