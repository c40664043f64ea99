// MemoryApi: kube::Api on an ApiServer in the same process. Safe from any thread.
#pragma once

#include <memory>

#include "operator/kube/api.h"
#include "operator/local/memory_api/server.h"

namespace natrix::memory_api {

class MemoryApi : public kube::Api {
 public:
  // `server` must outlive this object. Writes other than apply are attributed to `manager`.
  explicit MemoryApi(ApiServer& server, std::string manager = "natrix-local");

  kube::ApiResult<Json> get(const kube::ObjectRef& ref) override;
  kube::ApiResult<kube::ObjectList> list(const kube::ResourceType& type,
                                         const kube::ListOptions& options) override;
  kube::ApiResult<void> watch(const kube::ResourceType& type, const kube::WatchOptions& options,
                              const std::function<void(kube::WatchEvent)>& on_event,
                              const std::shared_ptr<kube::CancelToken>& cancel) override;
  std::shared_ptr<kube::CancelToken> make_cancel_token() override;
  kube::ApiResult<Json> create(const kube::ResourceType& type, const Json& object) override;
  kube::ApiResult<Json> replace(const kube::ObjectRef& ref, const Json& object) override;
  kube::ApiResult<Json> apply(const kube::ObjectRef& ref, const Json& object,
                              const std::string& manager) override;
  kube::ApiResult<Json> apply_status(const kube::ObjectRef& ref, const Json& object,
                                     const std::string& manager) override;
  kube::ApiResult<Json> merge_patch(const kube::ObjectRef& ref, const Json& patch) override;
  kube::ApiResult<void> remove(const kube::ObjectRef& ref,
                               const kube::DeletePreconditions& preconditions,
                               kube::Propagation propagation) override;

  [[nodiscard]] ApiServer& server() { return server_; }

 private:
  kube::ApiResult<Json> apply_to(const kube::ObjectRef& ref, const Json& object,
                                 const std::string& manager, const std::string& subresource);

  ApiServer& server_;
  std::string manager_;
  // How long one watch lasts before it ends in success, as a real API server does.
  std::chrono::seconds watch_timeout_{300};
};

}  // namespace natrix::memory_api
