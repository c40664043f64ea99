// Deletion: preconditions, finalizers, graceful deletion of pods.
#include "operator/base/timestamp.h"
#include "operator/local/memory_api/core.h"

namespace natrix::memory_api {

namespace {

constexpr const char* kForeground = "foregroundDeletion";
constexpr const char* kOrphan = "orphan";
constexpr int64_t kDefaultGrace = 30;

void set_finalizer(Json& metadata, const char* name, bool present) {
  Json kept = Json::array();
  for (const Json& finalizer : metadata.value("finalizers", Json::array())) {
    if (finalizer != name) kept.push_back(finalizer);
  }
  if (present) kept.push_back(name);
  if (kept.empty()) {
    metadata.erase("finalizers");
  } else {
    metadata["finalizers"] = kept;
  }
}

// A pod that a node runs gets time to stop; any other goes at once.
int64_t grace_of(const TypeInfo& type, const Json& object, const DeleteRequest& request) {
  if (type.storage != "pods") return 0;
  const std::string phase = object.value("/status/phase"_json_pointer, "");
  const std::string node = object.value("/spec/nodeName"_json_pointer, "");
  if (node.empty() || phase == "Succeeded" || phase == "Failed") return 0;
  const int64_t wanted = request.grace_seconds.value_or(
      object.value("/spec/terminationGracePeriodSeconds"_json_pointer, kDefaultGrace));
  return std::max<int64_t>(wanted, 0);
}

}  // namespace

Outcome<void> Core::check_preconditions(const Target& target, const Json& live,
                                        const DeleteRequest& request) const {
  const auto& uid = live["metadata"]["uid"].get_ref<const std::string&>();
  const auto& version = live["metadata"]["resourceVersion"].get_ref<const std::string&>();
  if (!request.uid.empty() && request.uid != uid) {
    return fail_with(conflict(target.type->type, target.name,
                              fmt::format("Precondition failed: UID in precondition: {}, UID in "
                                          "object meta: {}",
                                          request.uid, uid)));
  }
  if (!request.resource_version.empty() && request.resource_version != version) {
    return fail_with(conflict(target.type->type, target.name,
                              fmt::format("Precondition failed: ResourceVersion in precondition: "
                                          "{}, ResourceVersion in object meta: {}",
                                          request.resource_version, version)));
  }
  return {};
}

Outcome<Deleted> Core::remove(const Target& target, const DeleteRequest& request) {
  const ObjectPtr live = store_.get(key_of(target));
  if (!live) return fail_with(not_found(target.type->type, target.name));
  if (Outcome<void> checked = check_preconditions(target, *live, request); !checked) {
    return fail_with(checked.error());
  }
  Json object = *live;
  Json& metadata = object["metadata"];
  // Not asked for: what an earlier delete request decided stays.
  if (request.propagation) {
    set_finalizer(metadata, kForeground, *request.propagation == kube::Propagation::kForeground);
    set_finalizer(metadata, kOrphan, *request.propagation == kube::Propagation::kOrphan);
  }
  const int64_t grace = grace_of(*target.type, object, request);
  const bool waits = grace > 0 || metadata.contains("finalizers") ||
                     target.type->storage == "namespaces" ||
                     (target.type->type.kind == "CustomResourceDefinition");
  if (waits) return mark_deleted(target, live, std::move(object), grace, request.dry_run);
  if (!request.dry_run) finish_delete(key_of(target));
  return Deleted{true, from_storage(*target.type, std::move(object))};
}

Outcome<Deleted> Core::mark_deleted(const Target& target, const ObjectPtr& live, Json object,
                                    int64_t grace, bool dry_run) {
  Json& metadata = object["metadata"];
  const int64_t before = metadata.value("deletionGracePeriodSeconds", int64_t{-1});
  const bool first = !metadata.contains("deletionTimestamp");
  // A second delete may shorten the grace, never lengthen it.
  if (first || (target.type->storage == "pods" && grace < before)) {
    metadata["deletionTimestamp"] =
        ops::format_time(options_.clock() + std::chrono::seconds(grace));
    metadata["deletionGracePeriodSeconds"] = grace;
  }
  if (first && metadata.contains("generation")) {
    metadata["generation"] = metadata["generation"].get<int64_t>() + 1;
  }
  if (target.type->storage == "namespaces") object["status"]["phase"] = "Terminating";
  if (dry_run || object == *live) return Deleted{false, from_storage(*target.type, object)};
  const ObjectKey key = key_of(target);
  const ObjectPtr stored = store_.put(key, std::move(object));
  finalizing_.insert(key);
  return Deleted{false, from_storage(*target.type, *stored)};
}

void Core::finish_delete(const ObjectKey& key) {
  const ObjectPtr gone = store_.remove(key);
  if (!gone) return;
  finalizing_.erase(key);
  unowned_.erase(key);
  orphaned_.insert((*gone)["metadata"].value("uid", ""));
  // What waits for the content of its namespace or for its custom resources to go looks again.
  if (!key.ns.empty() && store_.get({"namespaces", "", key.ns})) {
    finalizing_.insert({"namespaces", "", key.ns});
  }
  finalizing_.insert({"customresourcedefinitions.apiextensions.k8s.io", "", key.storage});
  // A foreground deletion of an owner waits for its dependents.
  for (const Json& owner : (*gone)["metadata"].value("ownerReferences", Json::array())) {
    if (const auto found = store_.key_of_uid(owner.value("uid", ""))) finalizing_.insert(*found);
  }
}

void Core::drop_old_events() {
  while (store_.count("events") > options_.max_events) {
    const std::vector<ObjectPtr> events = store_.list("events", "");
    const auto oldest =
        std::min_element(events.begin(), events.end(), [](const ObjectPtr& a, const ObjectPtr& b) {
          return std::stoull((*a)["metadata"]["resourceVersion"].get<std::string>()) <
                 std::stoull((*b)["metadata"]["resourceVersion"].get<std::string>());
        });
    const Json& metadata = (**oldest)["metadata"];
    store_.remove({"events", metadata.value("namespace", ""), metadata["name"]});
  }
}

}  // namespace natrix::memory_api
