// An Api that notes what a pass has looked at, so that a later one can tell whether any of it has
// changed. Passes every call on. Used by one thread.
#pragma once

#include <map>
#include <string>

#include "operator/kube/api.h"
#include "operator/reconcile/view.h"

namespace natrix::reconcile {

// Objects in the versions in which they were seen, "" for those that were not there.
using Versions = std::map<kube::ObjectRef, std::string>;

class Recorder : public kube::Api {
 public:
  // `inner` must outlive it.
  explicit Recorder(kube::Api& inner) : inner_(inner) {}

  // As last read or written through this object: objects by name, and pods by list.
  [[nodiscard]] const Versions& versions() const { return versions_; }
  // As if `object` had been read through this.
  void note(const kube::ObjectRef& ref, const kube::Json& object);

  kube::ApiResult<kube::Json> get(const kube::ObjectRef& ref) override;
  kube::ApiResult<kube::ObjectList> list(const kube::ResourceType& type,
                                         const kube::ListOptions& options) override;
  kube::ApiResult<void> watch(const kube::ResourceType& type, const kube::WatchOptions& options,
                              const std::function<void(kube::WatchEvent)>& on_event,
                              const std::shared_ptr<kube::CancelToken>& cancel) override;
  std::shared_ptr<kube::CancelToken> make_cancel_token() override;
  kube::ApiResult<kube::Json> create(const kube::ResourceType& type,
                                     const kube::Json& object) override;
  kube::ApiResult<kube::Json> replace(const kube::ObjectRef& ref,
                                      const kube::Json& object) override;
  kube::ApiResult<kube::Json> apply(const kube::ObjectRef& ref, const kube::Json& object,
                                    const std::string& manager) override;
  kube::ApiResult<kube::Json> apply_status(const kube::ObjectRef& ref, const kube::Json& object,
                                           const std::string& manager) override;
  kube::ApiResult<kube::Json> merge_patch(const kube::ObjectRef& ref,
                                          const kube::Json& patch) override;
  kube::ApiResult<void> remove(const kube::ObjectRef& ref,
                               const kube::DeletePreconditions& preconditions,
                               kube::Propagation propagation) override;

 private:
  kube::ApiResult<kube::Json> noted(const kube::ObjectRef& ref, kube::ApiResult<kube::Json> result);

  kube::Api& inner_;
  Versions versions_;
};

// Whether every object is still in its version. Those whose type `view` does not know are read from
// `api`; when one of them cannot be read the answer is no.
bool still_so(const Versions& versions, const View& view, kube::Api& api);

}  // namespace natrix::reconcile
