#include "operator/kube/http_api.h"

#include <fmt/format.h>

#include "broker/base/assert.h"
#include "operator/kube/errors.h"
#include "operator/kube/url.h"
#include "operator/kube/watch_decoder.h"

namespace natrix::kube {
namespace {

constexpr const char* kJson = "application/json";
constexpr const char* kApplyPatch = "application/apply-patch+yaml";  // JSON is YAML
constexpr const char* kMergePatch = "application/merge-patch+json";

const char* propagation_name(Propagation propagation) {
  switch (propagation) {
    case Propagation::kBackground:
      return "Background";
    case Propagation::kForeground:
      return "Foreground";
    case Propagation::kOrphan:
      return "Orphan";
  }
  return "Background";
}

std::string accept_header(bool metadata_only, const char* kind) {
  if (!metadata_only) return kJson;
  return fmt::format("application/json;as={};g=meta.k8s.io;v=v1", kind);
}

std::string string_at(const Json& object, const char* first, const char* second) {
  auto outer = object.find(first);
  if (outer == object.end() || !outer->is_object()) return {};
  auto inner = outer->find(second);
  return inner != outer->end() && inner->is_string() ? inner->get<std::string>() : std::string();
}

ApiError invalid(std::string message) {
  return ApiError{.code = Errc::kInvalid, .message = std::move(message)};
}

ApiError cancelled(const std::string& what) {
  return ApiError{.code = Errc::kCancelled, .message = what + ": cancelled"};
}

// The items of one list page go to `on_item`; the list's kind and version fill those that the
// server leaves out inside lists of built-in types.
void deliver_page(Json& page, const ResourceType& type, const std::function<void(Json)>& on_item) {
  auto items = page.find("items");
  if (items == page.end() || !items->is_array()) return;
  std::string api_version = type.group.empty() ? type.version : type.group + "/" + type.version;
  for (Json& item : *items) {
    if (!item.is_object()) continue;
    if (!item.contains("kind")) item["kind"] = type.kind;
    if (!item.contains("apiVersion")) item["apiVersion"] = api_version;
    on_item(std::move(item));
  }
}

}  // namespace

HttpApi::HttpApi(ClusterConfig config, TransportFactory factory, HttpApiOptions options,
                 ops::Clock& clock, ops::Log& log)
    : credentials_(std::move(config), clock, log),
      factory_(std::move(factory)),
      options_(std::move(options)),
      clock_(clock),
      log_(log),
      bucket_(options_.requests_per_second, options_.burst, clock.now()) {}

// New secrets take a new transport: pooled connections were opened with the old ones.
ApiResult<HttpApi::Session> HttpApi::session() {
  auto current = credentials_.current();
  if (!current) return fail_with(invalid(current.error().message));
  std::lock_guard lock(mutex_);
  if (session_.transport && session_.credentials == *current) return session_;
  const ClusterConfig& config = credentials_.config();
  Endpoint endpoint{.url = config.server,
                    .tls_server_name = config.tls_server_name,
                    .insecure_skip_tls_verify = config.insecure_skip_tls_verify,
                    .ca_pem = (*current)->ca_pem,
                    .cert_pem = (*current)->cert_pem,
                    .key_pem = (*current)->key_pem,
                    .stream_idle_timeout = options_.watch_idle_timeout,
                    .max_body_bytes = options_.max_body_bytes};
  auto transport = factory_(endpoint);
  if (transport) {
    session_ = Session{*current, *transport};
    return session_;
  }
  std::string message = fmt::format("{}: {}", config.source, transport.error().message);
  if (!session_.transport) return fail_with(invalid(std::move(message)));
  // A certificate and its key are replaced one after the other; try again with the next call.
  log_.warn("new credentials do not work, going on with the old ones", {{"error", message}});
  credentials_.expire();
  return session_;
}

ApiResult<void> HttpApi::wait_for_turn(const Subject& subject) {
  std::unique_lock lock(mutex_);
  ops::Time until = clock_.now() + bucket_.reserve(clock_.now());
  while (!stop_.cancelled() && clock_.now() < until) clock_.wait_until(stopped_, lock, until);
  if (stop_.cancelled()) return fail_with(cancelled(subject.what));
  return {};
}

ApiResult<HttpResponse> HttpApi::send_once(const Subject& subject, HttpRequest request,
                                           const Send& send,
                                           std::shared_ptr<const Credentials>& used) {
  auto now = session();
  if (!now) return fail_with(now.error());
  used = now->credentials;
  request.headers.emplace_back("User-Agent", options_.user_agent);
  if (!used->authorization.empty()) {
    request.headers.emplace_back("Authorization", used->authorization);
  }
  ops::Time begin = clock_.now();
  auto response = send(*now->transport, request);
  if (options_.observer) {
    options_.observer(subject.verb, response ? response->status : 0, clock_.now() - begin);
  }
  if (!response) return fail_with(error_from_transport(subject.what, response.error()));
  if (response->status < 200 || response->status > 299) {
    return fail_with(error_from_response(subject.what, *response));
  }
  return std::move(*response);
}

ApiResult<HttpResponse> HttpApi::exchange(const Subject& subject, const HttpRequest& request,
                                          const Send& send) {
  if (auto turn = wait_for_turn(subject); !turn) return fail_with(turn.error());
  std::shared_ptr<const Credentials> used;
  auto response = send_once(subject, request, send, used);
  // A kept connection that the server has closed meanwhile shows only when it is used. Everything
  // but POST and watches may be sent twice: writes carry versions or say what is to be.
  if (!response && response.error().code == Errc::kConnection && request.method != "POST" &&
      subject.verb != std::string_view("watch")) {
    response = send_once(subject, request, send, used);
  }
  if (response || response.error().code != Errc::kUnauthorized) return response;
  credentials_.expire();
  auto fresh = credentials_.current();
  if (!fresh || *fresh == used) return response;
  return send_once(subject, request, send, used);
}

ApiResult<HttpResponse> HttpApi::call(const Subject& subject, const HttpRequest& request) {
  return exchange(subject, request, [this](Transport& transport, const HttpRequest& ready) {
    return transport.call(ready, options_.call_timeout, stop_);
  });
}

ApiResult<Json> HttpApi::call_json(const Subject& subject, const HttpRequest& request) {
  auto response = call(subject, request);
  if (!response) return fail_with(response.error());
  Json document = Json::parse(response->body, nullptr, false);
  if (document.is_object()) return document;
  return fail_with(ApiError{.code = Errc::kServer,
                            .http_status = response->status,
                            .message = subject.what + ": the answer is not a JSON object"});
}

ApiResult<Json> HttpApi::write(const char* verb, const ObjectRef& ref, const char* method,
                               std::string target, const char* content_type, const Json& body) {
  Subject subject{verb, fmt::format("{} {}", verb, describe(ref))};
  HttpRequest request{.method = method,
                      .target = std::move(target),
                      .headers = {{"Accept", kJson}},
                      .content_type = content_type,
                      .body = {}};
  try {
    request.body = body.dump();
  } catch (const Json::exception& error) {
    return fail_with(invalid(fmt::format("{}: {}", subject.what, error.what())));
  }
  return call_json(subject, request);
}

ApiResult<Json> HttpApi::get(const ObjectRef& ref) {
  return call_json({"get", "get " + describe(ref)},
                   {.method = "GET", .target = object_path(ref), .headers = {{"Accept", kJson}}});
}

ApiResult<ObjectList> HttpApi::list(const ResourceType& type, const ListOptions& options) {
  ObjectList result;
  auto version =
      list_each(type, options, [&result](Json item) { result.items.push_back(std::move(item)); });
  if (!version) return fail_with(version.error());
  result.resource_version = std::move(*version);
  return result;
}

ApiResult<std::string> HttpApi::list_each(const ResourceType& type, const ListOptions& options,
                                          const std::function<void(Json)>& on_item) {
  Subject subject{"list", "list " + describe(type)};
  std::string continue_token;
  while (true) {
    Query query;
    if (options.limit > 0) query.add("limit", std::to_string(options.limit));
    query.add_unless_empty("labelSelector", options.label_selector)
        .add_unless_empty("fieldSelector", options.field_selector)
        .add_unless_empty("continue", continue_token);
    auto page =
        call_json(subject, {.method = "GET",
                            .target = collection_path(type, options.ns) + query.text(),
                            .headers = {{"Accept", accept_header(options.metadata_only,
                                                                 "PartialObjectMetadataList")}}});
    if (!page) return fail_with(page.error());
    deliver_page(*page, type, on_item);
    continue_token = string_at(*page, "metadata", "continue");
    if (continue_token.empty()) return string_at(*page, "metadata", "resourceVersion");
  }
}

HttpRequest HttpApi::watch_request(const ResourceType& type, const WatchOptions& options) {
  double seconds = std::chrono::duration<double>(options_.watch_timeout).count();
  auto timeout = static_cast<int64_t>(seconds * (0.8 + 0.4 * options_.random()));
  Query query;
  query.add("watch", "1")
      .add("allowWatchBookmarks", "true")
      .add("timeoutSeconds", std::to_string(std::max<int64_t>(timeout, 1)))
      .add_unless_empty("resourceVersion", options.resource_version)
      .add_unless_empty("labelSelector", options.label_selector)
      .add_unless_empty("fieldSelector", options.field_selector);
  return {.method = "GET",
          .target = collection_path(type, options.ns) + query.text(),
          .headers = {{"Accept", accept_header(options.metadata_only, "PartialObjectMetadata")}}};
}

ApiResult<void> HttpApi::watch(const ResourceType& type, const WatchOptions& options,
                               const std::function<void(WatchEvent)>& on_event,
                               const std::shared_ptr<CancelToken>& cancel) {
  auto token = std::dynamic_pointer_cast<Cancellation>(cancel);
  NATRIX_ASSERT(token != nullptr, "a watch token comes from make_cancel_token()");
  Subject subject{"watch", "watch " + describe(type)};
  Cancellation::Registration on_shutdown(stop_, [token] { token->cancel(); });
  WatchDecoder decoder(subject.what, options_.max_event_bytes, on_event);
  auto feed = [&](std::string_view bytes) { return !token->cancelled() && decoder.feed(bytes); };
  auto response = exchange(subject, watch_request(type, options),
                           [&](Transport& transport, const HttpRequest& request) {
                             return transport.stream(request, feed, *token);
                           });
  if (token->cancelled()) return fail_with(cancelled(subject.what));
  if (decoder.error()) return fail_with(ApiError(*decoder.error()));
  if (!response) return fail_with(response.error());
  return {};
}

std::shared_ptr<CancelToken> HttpApi::make_cancel_token() {
  return std::make_shared<Cancellation>();
}

ApiResult<Json> HttpApi::create(const ResourceType& type, const Json& object) {
  ObjectRef ref{type, string_at(object, "metadata", "namespace"),
                string_at(object, "metadata", "name")};
  if (type.namespaced && ref.ns.empty()) {
    return fail_with(
        invalid(fmt::format("create {}: metadata.namespace is missing", describe(ref))));
  }
  Query query;
  query.add_unless_empty("fieldManager", options_.field_manager);
  return write("create", ref, "POST", collection_path(type, ref.ns) + query.text(), kJson, object);
}

ApiResult<Json> HttpApi::replace(const ObjectRef& ref, const Json& object) {
  Query query;
  query.add_unless_empty("fieldManager", options_.field_manager);
  return write("update", ref, "PUT", object_path(ref) + query.text(), kJson, object);
}

ApiResult<Json> HttpApi::apply(const ObjectRef& ref, const Json& object,
                               const std::string& manager) {
  Query query;
  query.add("fieldManager", manager).add("force", "true");
  return write("apply", ref, "PATCH", object_path(ref) + query.text(), kApplyPatch, object);
}

ApiResult<Json> HttpApi::apply_status(const ObjectRef& ref, const Json& object,
                                      const std::string& manager) {
  Query query;
  query.add("fieldManager", manager).add("force", "true");
  return write("apply", ref, "PATCH", object_path(ref, "status") + query.text(), kApplyPatch,
               object);
}

ApiResult<Json> HttpApi::merge_patch(const ObjectRef& ref, const Json& patch) {
  Query query;
  query.add_unless_empty("fieldManager", options_.field_manager);
  return write("patch", ref, "PATCH", object_path(ref) + query.text(), kMergePatch, patch);
}

ApiResult<void> HttpApi::remove(const ObjectRef& ref, const DeletePreconditions& preconditions,
                                Propagation propagation) {
  if (preconditions.uid.empty()) {
    return fail_with(
        invalid(fmt::format("delete {}: refused without the object's uid", describe(ref))));
  }
  Json body = {{"apiVersion", "v1"},
               {"kind", "DeleteOptions"},
               {"preconditions", {{"uid", preconditions.uid}}},
               {"propagationPolicy", propagation_name(propagation)}};
  if (!preconditions.resource_version.empty()) {
    body["preconditions"]["resourceVersion"] = preconditions.resource_version;
  }
  auto result = write("delete", ref, "DELETE", object_path(ref), kJson, body);
  if (!result) return fail_with(result.error());
  return {};
}

void HttpApi::shutdown() {
  stop_.cancel();
  std::lock_guard lock(mutex_);
  stopped_.notify_all();
}

}  // namespace natrix::kube
