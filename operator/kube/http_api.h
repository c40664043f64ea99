// The Api of a real API server.
//
// Safe from any thread; owns its connections, borrows clock and log. Every call waits for a place
// under the client-side rate limit, then at most `call_timeout`. Nothing is retried here except one
// repetition after a 401 when the credentials on disk have changed: retrying is the caller's
// decision, who knows whether the write may be repeated.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "operator/base/backoff.h"
#include "operator/base/log.h"
#include "operator/base/token_bucket.h"
#include "operator/kube/api.h"
#include "operator/kube/cancellation.h"
#include "operator/kube/credentials.h"
#include "operator/kube/transport.h"

namespace natrix::kube {

struct HttpApiOptions {
  std::string user_agent = "natrix-operator";
  std::string field_manager = "natrix-operator";  // of create, replace and merge_patch
  ops::Duration call_timeout = std::chrono::seconds(30);
  // A watch is asked to end after this long (spread by +-20 %) so that load moves between API
  // servers and new credentials come into use.
  ops::Duration watch_timeout = std::chrono::seconds(300);
  // A watch on which not even a bookmark (about one a minute) arrives is dead.
  ops::Duration watch_idle_timeout = std::chrono::seconds(90);
  double requests_per_second = 20;  // 0: no limit
  double burst = 30;
  size_t max_body_bytes = size_t{64} << 20;
  size_t max_event_bytes = size_t{16} << 20;
  ops::RandomSource random = ops::default_random();
  // Called after each request, any thread: verb ("get", "watch", ...), HTTP status or 0, time
  // taken.
  std::function<void(std::string_view verb, int status, ops::Duration took)> observer;
};

class HttpApi final : public Api {
 public:
  HttpApi(ClusterConfig config, TransportFactory factory, HttpApiOptions options, ops::Clock& clock,
          ops::Log& log);

  ApiResult<Json> get(const ObjectRef& ref) override;
  ApiResult<ObjectList> list(const ResourceType& type, const ListOptions& options) override;
  ApiResult<std::string> list_each(const ResourceType& type, const ListOptions& options,
                                   const std::function<void(Json)>& on_item) override;
  // `cancel` comes from make_cancel_token().
  ApiResult<void> watch(const ResourceType& type, const WatchOptions& options,
                        const std::function<void(WatchEvent)>& on_event,
                        const std::shared_ptr<CancelToken>& cancel) override;
  std::shared_ptr<CancelToken> make_cancel_token() override;
  ApiResult<Json> create(const ResourceType& type, const Json& object) override;
  ApiResult<Json> replace(const ObjectRef& ref, const Json& object) override;
  ApiResult<Json> apply(const ObjectRef& ref, const Json& object,
                        const std::string& manager) override;
  ApiResult<Json> apply_status(const ObjectRef& ref, const Json& object,
                               const std::string& manager) override;
  ApiResult<Json> merge_patch(const ObjectRef& ref, const Json& patch) override;
  ApiResult<void> remove(const ObjectRef& ref, const DeletePreconditions& preconditions,
                         Propagation propagation) override;

  // Ends every call and watch with kCancelled, also those still to come.
  void shutdown();

 private:
  struct Session {
    std::shared_ptr<const Credentials> credentials;
    std::shared_ptr<Transport> transport;
  };
  // What one request is called in metrics and messages.
  struct Subject {
    const char* verb;
    std::string what;
  };
  using Send = std::function<Result<HttpResponse, TransportError>(Transport&, const HttpRequest&)>;

  ApiResult<Session> session();
  ApiResult<void> wait_for_turn(const Subject& subject);
  ApiResult<HttpResponse> send_once(const Subject& subject, HttpRequest request, const Send& send,
                                    std::shared_ptr<const Credentials>& used);
  ApiResult<HttpResponse> exchange(const Subject& subject, const HttpRequest& request,
                                   const Send& send);
  ApiResult<HttpResponse> call(const Subject& subject, const HttpRequest& request);
  ApiResult<Json> call_json(const Subject& subject, const HttpRequest& request);
  ApiResult<Json> write(const char* verb, const ObjectRef& ref, const char* method,
                        std::string target, const char* content_type, const Json& body);
  [[nodiscard]] HttpRequest watch_request(const ResourceType& type, const WatchOptions& options);

  CredentialStore credentials_;
  const TransportFactory factory_;
  const HttpApiOptions options_;
  ops::Clock& clock_;
  ops::Log& log_;
  Cancellation stop_;

  std::mutex mutex_;  // guards session_ and bucket_
  std::condition_variable stopped_;
  Session session_;
  ops::TokenBucket bucket_;
};

}  // namespace natrix::kube
