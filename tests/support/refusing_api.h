// An Api in which every call fails; a test overrides the calls it is about.
#pragma once

#include "operator/kube/api.h"

namespace natrix::tests {

class RefusingApi : public kube::Api {
 public:
  using Json = kube::Json;

  kube::ApiResult<Json> get(const kube::ObjectRef&) override { return refuse(); }
  kube::ApiResult<kube::ObjectList> list(const kube::ResourceType&,
                                         const kube::ListOptions&) override {
    return refuse();
  }
  kube::ApiResult<void> watch(const kube::ResourceType&, const kube::WatchOptions&,
                              const std::function<void(kube::WatchEvent)>&,
                              const std::shared_ptr<kube::CancelToken>&) override {
    return refuse();
  }
  std::shared_ptr<kube::CancelToken> make_cancel_token() override { return nullptr; }
  kube::ApiResult<Json> create(const kube::ResourceType&, const Json&) override { return refuse(); }
  kube::ApiResult<Json> replace(const kube::ObjectRef&, const Json&) override { return refuse(); }
  kube::ApiResult<Json> apply(const kube::ObjectRef&, const Json&, const std::string&) override {
    return refuse();
  }
  kube::ApiResult<Json> apply_status(const kube::ObjectRef&, const Json&,
                                     const std::string&) override {
    return refuse();
  }
  kube::ApiResult<Json> merge_patch(const kube::ObjectRef&, const Json&) override {
    return refuse();
  }
  kube::ApiResult<void> remove(const kube::ObjectRef&, const kube::DeletePreconditions&,
                               kube::Propagation) override {
    return refuse();
  }

 private:
  static Failure<kube::ApiError> refuse() {
    return fail_with(kube::ApiError{.message = "not part of this test"});
  }
};

}  // namespace natrix::tests
