// The patches: JSON patch, merge patch, strategic merge patch, server-side apply; and scale.
#include "broker/base/assert.h"
#include "operator/local/memory_api/core.h"
#include "operator/local/memory_api/json_util.h"
#include "operator/local/memory_api/strategic_merge.h"

namespace natrix::memory_api {

Outcome<Written> Core::patch(const Target& target, const PatchRequest& request,
                             const WriteOptions& options) {
  if (request.kind == PatchKind::kApply) return apply(target, request, options);
  Outcome<Json> live = get(target);
  if (!live) return fail_with(live.error());
  if (request.kind != PatchKind::kJson && !request.patch.is_object()) {
    return fail_with(bad_request("a merge patch must be a JSON object"));
  }
  Json patched = *live;
  try {
    if (request.kind == PatchKind::kJson) {
      patched = live->patch(request.patch);
    } else if (request.kind == PatchKind::kStrategic && target.subresource != "scale") {
      if (!target.type->builtin) {
        return fail_with(StatusError{415,
                                     "UnsupportedMediaType",
                                     "the body of the request was in an unknown format - accepted "
                                     "media types include: application/json-patch+json, "
                                     "application/merge-patch+json, application/apply-patch+yaml",
                                     nullptr,
                                     {}});
      }
      Result<Json> merged = strategic_merge(*target.type->schema, *live, request.patch);
      if (!merged) return fail_with(bad_request(merged.error().message));
      patched = std::move(*merged);
    } else {
      patched.merge_patch(request.patch);
    }
  } catch (const Json::exception& error) {
    return fail_with(StatusError{422,
                                 "Invalid",
                                 fmt::format("the server rejected our request due to an error in "
                                             "our request: {}",
                                             error.what()),
                                 nullptr,
                                 {}});
  }
  return update(target, std::move(patched), options);
}

Outcome<Written> Core::apply(const Target& target, const PatchRequest& request,
                             const WriteOptions& options) {
  const TypeInfo& type = *target.type;
  Json config = request.patch;
  if (Outcome<void> checked = check_identity(target, config); !checked) {
    return fail_with(checked.error());
  }
  if (!config["metadata"].value("managedFields", Json::array()).empty()) {
    return fail_with(bad_request("metadata.managedFields must be nil"));
  }
  const bool status = target.subresource == "status";
  if (type.has_status && !status) config.erase("status");
  if (status) {
    config = {{"apiVersion", config["apiVersion"]},
              {"kind", config["kind"]},
              {"metadata", config["metadata"]},
              {"status", config.value("status", Json::object())}};
    for (const char* name : {"labels", "annotations", "ownerReferences", "finalizers"}) {
      config["metadata"].erase(name);
    }
  }
  std::vector<std::string> unknown;
  prune(*type.schema, config, unknown);
  if (!unknown.empty()) {
    return fail_with(bad_request(
        fmt::format("failed to create typed patch object ({}/{}; {}, Kind={}): .{}: field not "
                    "declared in schema",
                    target.ns, target.name, type.api_version(), type.type.kind, unknown.front())));
  }
  const ObjectPtr live = store_.get(key_of(target));
  if (!live && (status || !config["metadata"].value("uid", "").empty())) {
    return fail_with(not_found(type.type, target.name));
  }
  const Json before = live ? from_storage(type, *live) : Json();
  if (live) {
    if (Outcome<void> checked = check_versions(target, before, config); !checked) {
      return fail_with(checked.error());
    }
  }
  config["metadata"].erase("resourceVersion");
  config["metadata"].erase("uid");
  Outcome<Json> merged =
      server_side_apply(*type.schema, before, config, writer(target, options), request.force);
  if (!merged) return fail_with(merged.error());
  Outcome<Prepared> prepared = admit(type, std::move(*merged), FieldValidation::kIgnore);
  if (!prepared) return fail_with(prepared.error());
  if (!live) return create_admitted(target, std::move(*prepared), true, options);
  if (status) return update_status(target, live, std::move(prepared->object), true, options);
  return update_admitted(target, live, std::move(*prepared), true, options);
}

Json scale_of(const TypeInfo& type, const Json& object) {
  NATRIX_ASSERT(type.scale.has_value(), "only types with the subresource are scaled");
  const Json& metadata = object["metadata"];
  Json out = {
      {"kind", "Scale"},
      {"apiVersion", "autoscaling/v1"},
      {"metadata",
       {{"name", metadata["name"]},
        {"uid", metadata["uid"]},
        {"resourceVersion", metadata["resourceVersion"]},
        {"creationTimestamp", metadata["creationTimestamp"]}}},
      {"spec", {{"replicas", object.value(Json::json_pointer(type.scale->spec_replicas), 0)}}},
      {"status", {{"replicas", object.value(Json::json_pointer(type.scale->status_replicas), 0)}}}};
  if (metadata.contains("namespace")) out["metadata"]["namespace"] = metadata["namespace"];
  if (!type.scale->selector.empty()) {
    out["status"]["selector"] = object.value(Json::json_pointer(type.scale->selector), "");
  } else if (type.builtin) {
    std::string selector;
    for (const auto& label : member(object, {"spec", "selector", "matchLabels"}).items()) {
      selector +=
          (selector.empty() ? "" : ",") + label.key() + "=" + label.value().get<std::string>();
    }
    out["status"]["selector"] = selector;
  }
  return out;
}

Outcome<Written> Core::update_scale(const Target& target, const ObjectPtr& live, const Json& scale,
                                    const WriteOptions& options) {
  if (!scale.is_object()) return fail_with(bad_request("the body must be a Scale object"));
  if (Outcome<void> checked = check_versions(target, *live, scale); !checked) {
    return fail_with(checked.error());
  }
  const Json replicas = scale.value("/spec/replicas"_json_pointer, Json(0));
  if (!replicas.is_number_integer() || replicas.get<int64_t>() < 0) {
    return fail_with(invalid(
        target.type->type, target.name,
        {{"spec.replicas", "FieldValueInvalid",
          fmt::format("Invalid value: {}: must be greater than or equal to 0", replicas.dump())}}));
  }
  Json object = from_storage(*target.type, *live);
  object[Json::json_pointer(target.type->scale->spec_replicas)] = replicas;
  Outcome<Written> written = update_admitted(target, live, {std::move(object), {}}, false, options);
  if (written) written->object = scale_of(*target.type, written->object);
  return written;
}

}  // namespace natrix::memory_api
