#include "operator/local/http_front/api_handler.h"

#include <fmt/format.h>

#include <charconv>

#include "operator/local/http_front/discovery.h"
#include "operator/local/http_front/media.h"
#include "operator/local/http_front/openapi.h"
#include "operator/local/http_front/openapi_v2.h"
#include "operator/local/http_front/table.h"
#include "operator/local/memory_api/json_util.h"

namespace natrix::http_front {

using memory_api::bad_request;
using memory_api::Outcome;
using memory_api::StatusError;
using memory_api::Target;
using memory_api::TypePtr;
using memory_api::Written;

namespace {

constexpr std::chrono::milliseconds kTick{500};  // how soon a vanished client is noticed
constexpr int64_t kMaxWatchSeconds = 3600;

Response answer(const Json& body, int status = 200) {
  return {status, "application/json", body.dump(), {}, "", {}};
}

Response answer(const StatusError& error) {
  Response out = answer(status_json(error), error.code);
  if (error.retry_after) {
    out.retry_after =
        std::to_string(std::chrono::ceil<std::chrono::seconds>(*error.retry_after).count());
  }
  return out;
}

Response no_such_page() {
  return answer(StatusError{
      404, "NotFound", "the server could not find the requested resource", nullptr, {}});
}

std::optional<int64_t> number(const Request& request, const char* name) {
  const std::string text = request.param(name);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

IncludeObject include_of(const Request& request) {
  const std::string include = request.param("includeObject");
  return include == "None"     ? IncludeObject::kNone
         : include == "Object" ? IncludeObject::kObject
                               : IncludeObject::kMetadata;
}

// One object in the form asked for.
Response present(const Request& request, const TypePtr& type, const Json& object,
                 int status = 200) {
  switch (wanted_form(request.accept)) {
    case Form::kTable:
      return answer(
          make_table(*type, {object}, include_of(request), std::chrono::system_clock::now()),
          status);
    case Form::kMetadata:
      return answer(memory_api::partial_metadata(object), status);
    case Form::kObject:
      break;
  }
  return answer(object, status);
}

Outcome<memory_api::WriteOptions> write_options(const Request& request) {
  memory_api::WriteOptions options;
  options.manager = request.param("fieldManager");
  if (options.manager.empty()) {
    options.manager = request.user_agent.substr(0, request.user_agent.find('/'));
  }
  if (options.manager.empty()) options.manager = "unknown";
  const std::string dry = request.param("dryRun");
  if (!dry.empty() && dry != "All") {
    return fail_with(bad_request(fmt::format("dryRun: Unsupported value: \"{}\": \"All\"", dry)));
  }
  options.dry_run = dry == "All";
  const std::string validation = request.param("fieldValidation");
  if (validation == "Strict") {
    options.validation = memory_api::FieldValidation::kStrict;
  } else if (validation == "Ignore") {
    options.validation = memory_api::FieldValidation::kIgnore;
  } else if (!validation.empty() && validation != "Warn") {
    return fail_with(
        bad_request(fmt::format("fieldValidation: Unsupported value: \"{}\"", validation)));
  }
  return options;
}

Response finish_write(const Request& request, const TypePtr& type,
                      const Outcome<Written>& written) {
  if (!written) return answer(written.error());
  Response out = present(request, type, written->object, written->created ? 201 : 200);
  out.warnings = written->warnings;
  return out;
}

Outcome<memory_api::DeleteRequest> delete_request(const Request& request) {
  memory_api::DeleteRequest out;
  Json body = Json::object();
  if (!request.body.empty()) {
    Result<Json> parsed = parse_body(request);
    if (!parsed || !parsed->is_object()) return fail_with(bad_request("malformed DeleteOptions"));
    body = std::move(*parsed);
  }
  std::string propagation = memory_api::text(body, {"propagationPolicy"});
  if (propagation.empty()) propagation = request.param("propagationPolicy");
  if (body.value("orphanDependents", false)) propagation = "Orphan";
  if (propagation == "Orphan") {
    out.propagation = kube::Propagation::kOrphan;
  } else if (propagation == "Foreground") {
    out.propagation = kube::Propagation::kForeground;
  } else if (propagation == "Background") {
    out.propagation = kube::Propagation::kBackground;
  } else if (!propagation.empty()) {
    return fail_with(bad_request("propagationPolicy: Unsupported value: " + propagation));
  }
  const Json& grace = memory_api::member(body, {"gracePeriodSeconds"});
  if (grace.is_number_integer()) {
    out.grace_seconds = grace.get<int64_t>();
  } else {
    out.grace_seconds = number(request, "gracePeriodSeconds");
  }
  out.uid = memory_api::text(body, {"preconditions", "uid"});
  out.resource_version = memory_api::text(body, {"preconditions", "resourceVersion"});
  out.dry_run = request.param("dryRun") == "All" || !memory_api::member(body, {"dryRun"}).empty();
  return out;
}

std::optional<memory_api::PatchKind> patch_kind(const std::string& content_type) {
  const std::string media = content_type.substr(0, content_type.find(';'));
  if (media == "application/json-patch+json") return memory_api::PatchKind::kJson;
  if (media == "application/merge-patch+json") return memory_api::PatchKind::kMerge;
  if (media == "application/strategic-merge-patch+json") return memory_api::PatchKind::kStrategic;
  if (media == "application/apply-patch+yaml") return memory_api::PatchKind::kApply;
  return std::nullopt;
}

const char* event_name(kube::WatchEventType type) {
  static constexpr const char* kNames[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"};
  return kNames[static_cast<size_t>(type)];
}

// The object of a watch event in the form asked for.
Json event_object(Form form, const memory_api::TypeInfo& type, kube::WatchEvent event,
                  IncludeObject include, bool first) {
  if (form == Form::kTable && event.type != kube::WatchEventType::kBookmark) {
    Json table = make_table(type, {event.object}, include, std::chrono::system_clock::now(), first);
    table["metadata"]["resourceVersion"] = event.object["metadata"]["resourceVersion"];
    return table;
  }
  if (form != Form::kMetadata) return std::move(event.object);
  return memory_api::partial_metadata(event.object);
}

}  // namespace

Response ApiHandler::handle(const Request& request) {
  const std::string& path = request.path;
  const bool get = request.method == "GET";
  if (get && (path == "/healthz" || path == "/livez" || path == "/readyz")) {
    return {200, "text/plain", "ok", {}, "", {}};
  }
  if (get && path == "/version") return answer(version_info());
  if (get && path == "/openapi/v2") {
    return {200, kOpenApiV2Type, openapi_v2_document(server_.types()), {}, "", {}};
  }
  if (get && path == "/openapi/v3") return answer(openapi_index(server_.types()));
  if (get && path.starts_with("/openapi/v3/")) {
    std::optional<Json> document = openapi_document(path.substr(12), server_.types());
    return document ? answer(*document) : no_such_page();
  }
  if (get) {
    if (std::optional<Json> document = discovery_document(path, server_.types())) {
      return answer(*document);
    }
  }
  const std::optional<Route> route = parse_route(path);
  return route ? handle_resource(request, *route) : no_such_page();
}

Response ApiHandler::handle_resource(const Request& request, const Route& route) {
  const TypePtr type = server_.find_type(route.group, route.version, route.plural);
  if (!type) return no_such_page();
  if (type->type.namespaced && !route.name.empty() && route.ns.empty()) return no_such_page();
  if (route.name.empty()) return collection(request, type, route);
  if (type->storage == "pods" && route.subresource == "log") return log(request, route);
  const bool known = route.subresource.empty() ||
                     (route.subresource == "status" && type->has_status) ||
                     (route.subresource == "scale" && type->scale.has_value());
  if (!known) {
    if (route.subresource == "exec" || route.subresource == "attach" ||
        route.subresource == "portforward") {
      return answer(memory_api::method_not_allowed(
          fmt::format("the embedded mode has no {}: pods are processes of this machine, see them "
                      "with ps and reach them at their status.podIP",
                      route.subresource)));
    }
    return no_such_page();
  }
  return object(request, {type, route.ns, route.name, route.subresource});
}

Response ApiHandler::collection(const Request& request, const TypePtr& type, const Route& route) {
  if (request.method == "GET") {
    return request.flag("watch") ? watch(request, type, route) : list(request, type, route);
  }
  if (request.method == "POST") return create(request, type, route);
  if (request.method == "DELETE") return remove_collection(request, type, route);
  return answer(
      memory_api::method_not_allowed("the server does not allow this method on the "
                                     "requested resource"));
}

Response ApiHandler::object(const Request& request, const Target& target) {
  if (request.method == "GET") {
    Outcome<Json> found = server_.get(target);
    if (!found) return answer(found.error());
    if (target.subresource == "scale") return answer(*found);
    return present(request, target.type, *found);
  }
  if (request.method == "PATCH") return patch(request, target);
  if (request.method == "DELETE" && target.subresource.empty()) return remove(request, target);
  if (request.method != "PUT") {
    return answer(
        memory_api::method_not_allowed("the server does not allow this method on the "
                                       "requested resource"));
  }
  Result<Json> body = parse_body(request);
  if (!body) return answer(bad_request(body.error().message));
  Outcome<memory_api::WriteOptions> options = write_options(request);
  if (!options) return answer(options.error());
  const Outcome<Written> written = server_.update(target, std::move(*body), *options);
  if (written && target.subresource == "scale") return answer(written->object);
  return finish_write(request, target.type, written);
}

Response ApiHandler::list(const Request& request, const TypePtr& type, const Route& route) {
  memory_api::ListRequest query{
      route.ns, request.param("labelSelector"), request.param("fieldSelector"),
      0,        request.param("continue"),      {}};
  query.limit = static_cast<size_t>(std::max<int64_t>(number(request, "limit").value_or(0), 0));
  if (request.param("resourceVersionMatch") == "Exact") {
    const std::optional<int64_t> exact = number(request, "resourceVersion");
    if (!exact) return answer(bad_request("resourceVersion: must be a number"));
    query.at_revision = static_cast<uint64_t>(*exact);
  }
  Outcome<memory_api::ListPage> page = server_.list(type, query);
  if (!page) return answer(page.error());
  Json metadata = {{"resourceVersion", page->resource_version}};
  if (!page->continue_token.empty()) {
    metadata["continue"] = page->continue_token;
    metadata["remainingItemCount"] = page->remaining;
  }
  Json out;
  const Form form = wanted_form(request.accept);
  if (form == Form::kTable) {
    out = make_table(*type, page->items, include_of(request), std::chrono::system_clock::now());
  } else {
    out = {{"kind", type->list_kind}, {"apiVersion", type->api_version()}};
    Json items = Json::array();
    for (Json& item : page->items) {
      if (form == Form::kMetadata) item = memory_api::partial_metadata(item);
      // Items of built-in lists do not repeat what the list says.
      if (type->builtin && form == Form::kObject) {
        item.erase("kind");
        item.erase("apiVersion");
      }
      items.push_back(std::move(item));
    }
    out["items"] = std::move(items);
    if (form == Form::kMetadata) {
      out["kind"] = "PartialObjectMetadataList";
      out["apiVersion"] = "meta.k8s.io/v1";
    }
  }
  out["metadata"] = metadata;
  return answer(out);
}

Response ApiHandler::watch(const Request& request, const TypePtr& type, const Route& route) {
  memory_api::WatchRequest query{route.ns,
                                 request.param("labelSelector"),
                                 request.param("fieldSelector"),
                                 request.param("resourceVersion"),
                                 request.flag("allowWatchBookmarks"),
                                 request.flag("sendInitialEvents")};
  Outcome<std::unique_ptr<memory_api::WatchCursor>> opened = server_.watch(type, query);
  if (!opened) return answer(opened.error());
  const int64_t seconds = std::clamp<int64_t>(
      number(request, "timeoutSeconds").value_or(kMaxWatchSeconds / 2), 1, kMaxWatchSeconds);
  Response out;
  // std::function wants copyable captures.
  out.stream = [this, type, seconds, form = wanted_form(request.accept),
                include = include_of(request),
                cursor = std::shared_ptr<memory_api::WatchCursor>(std::move(*opened))](
                   const SendPiece& send) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    bool first = true;
    while (send("") && !server_.stopping()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return;
      Outcome<std::optional<kube::WatchEvent>> event = server_.next(*cursor, std::min(left, kTick));
      if (!event) {
        send(Json{{"type", "ERROR"}, {"object", status_json(event.error())}}.dump() + "\n");
        return;
      }
      if (!event->has_value()) continue;
      const char* name = event_name((*event)->type);
      const Json object = event_object(form, *type, std::move(**event), include, first);
      first = false;
      if (!send(Json{{"type", name}, {"object", object}}.dump() + "\n")) return;
    }
  };
  return out;
}

Response ApiHandler::create(const Request& request, const TypePtr& type, const Route& route) {
  Result<Json> body = parse_body(request);
  if (!body) return answer(bad_request(body.error().message));
  Outcome<memory_api::WriteOptions> options = write_options(request);
  if (!options) return answer(options.error());
  return finish_write(request, type, server_.create(type, route.ns, std::move(*body), *options));
}

Response ApiHandler::patch(const Request& request, const Target& target) {
  const std::optional<memory_api::PatchKind> kind = patch_kind(request.content_type);
  if (!kind) {
    return answer(StatusError{415,
                              "UnsupportedMediaType",
                              fmt::format("patches come as application/json-patch+json, "
                                          "merge-patch+json, strategic-merge-patch+json or "
                                          "apply-patch+yaml, not \"{}\"",
                                          request.content_type),
                              nullptr,
                              {}});
  }
  Result<Json> body = parse_body(request);
  if (!body) return answer(bad_request(body.error().message));
  Outcome<memory_api::WriteOptions> options = write_options(request);
  if (!options) return answer(options.error());
  if (*kind == memory_api::PatchKind::kApply && request.param("fieldManager").empty()) {
    return answer(
        bad_request("PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required "
                    "value: is required for apply patch"));
  }
  const Outcome<Written> written =
      server_.patch(target, {*kind, std::move(*body), request.flag("force")}, *options);
  if (written && target.subresource == "scale") return answer(written->object);
  return finish_write(request, target.type, written);
}

Response ApiHandler::remove(const Request& request, const Target& target) {
  Outcome<memory_api::DeleteRequest> options = delete_request(request);
  if (!options) return answer(options.error());
  Outcome<memory_api::Deleted> deleted = server_.remove(target, *options);
  if (!deleted) return answer(deleted.error());
  if (!deleted->gone) return present(request, target.type, deleted->object);
  Json details = {{"name", target.name},
                  {"kind", target.type->type.plural},
                  {"uid", memory_api::text(deleted->object, {"metadata", "uid"})}};
  if (!target.type->type.group.empty()) details["group"] = target.type->type.group;
  return answer({{"kind", "Status"},
                 {"apiVersion", "v1"},
                 {"metadata", Json::object()},
                 {"status", "Success"},
                 {"details", details}});
}

Response ApiHandler::remove_collection(const Request& request, const TypePtr& type,
                                       const Route& route) {
  Outcome<memory_api::DeleteRequest> options = delete_request(request);
  if (!options) return answer(options.error());
  Outcome<memory_api::ListPage> page = server_.list(
      type, {route.ns, request.param("labelSelector"), request.param("fieldSelector"), 0, "", {}});
  if (!page) return answer(page.error());
  for (const Json& item : page->items) {
    memory_api::DeleteRequest one = *options;
    one.uid = memory_api::text(item, {"metadata", "uid"});
    const Target target{type, memory_api::text(item, {"metadata", "namespace"}),
                        memory_api::text(item, {"metadata", "name"}), ""};
    Outcome<memory_api::Deleted> deleted = server_.remove(target, one);
    // Gone or replaced meanwhile is as good as deleted.
    if (!deleted && deleted.error().code != 404 && deleted.error().code != 409) {
      return answer(deleted.error());
    }
  }
  return answer({{"kind", "Status"},
                 {"apiVersion", "v1"},
                 {"metadata", Json::object()},
                 {"status", "Success"}});
}

Response ApiHandler::log(const Request& request, const Route& route) {
  if (request.method != "GET") {
    return answer(memory_api::method_not_allowed("logs can only be read"));
  }
  if (logs_ == nullptr) {
    return answer(StatusError{501, "NotImplemented", "this API server runs no pods", nullptr, {}});
  }
  LogRequest query{route.ns, route.name, request.param("container")};
  query.follow = request.flag("follow");
  query.previous = request.flag("previous");
  query.timestamps = request.flag("timestamps");
  query.tail_lines = number(request, "tailLines");
  query.since_seconds = number(request, "sinceSeconds");
  query.since_time = request.param("sinceTime");
  query.limit_bytes = number(request, "limitBytes");
  Outcome<std::unique_ptr<LogReader>> opened = logs_->open_log(query);
  if (!opened) return answer(opened.error());
  Response out;
  out.content_type = "text/plain";
  out.stream = [this,
                reader = std::shared_ptr<LogReader>(std::move(*opened))](const SendPiece& send) {
    while (send("") && !server_.stopping()) {
      const std::optional<std::string> piece = reader->next(kTick);
      if (!piece || (!piece->empty() && !send(*piece))) return;
    }
  };
  return out;
}

}  // namespace natrix::http_front
