#include "operator/local/workload/objects.h"

#include "broker/base/assert.h"
#include "operator/base/timestamp.h"

namespace natrix::workload {

using memory_api::TypePtr;

namespace {

const kube::ResourceType kCoreEvents{"", "v1", "events", "Event", true};

// FNV-1a, for names that must be the same for the same content.
uint64_t hash_of(const std::string& text) {
  uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  return hash;
}

}  // namespace

bool pod_condition(const Json& pod, const char* type) {
  for (const Json& condition : member(pod, {"status", "conditions"})) {
    if (text(condition, {"type"}) == type) return text(condition, {"status"}) == "True";
  }
  return false;
}

Json controller_reference(const Json& owner) {
  return {{"apiVersion", owner["apiVersion"]},
          {"kind", owner["kind"]},
          {"name", name_of(owner)},
          {"uid", uid_of(owner)},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

std::string controller_uid(const Json& object) {
  for (const Json& owner : member(object, {"metadata", "ownerReferences"})) {
    if (owner.value("controller", false)) return text(owner, {"uid"});
  }
  return "";
}

void set_condition(Json& conditions, const std::string& type, const std::string& status,
                   const std::string& reason, const std::string& message, const std::string& now) {
  if (!conditions.is_array()) conditions = Json::array();
  Json made = {{"type", type}, {"status", status}, {"lastTransitionTime", now}};
  if (!reason.empty()) made["reason"] = reason;
  if (!message.empty()) made["message"] = message;
  for (Json& condition : conditions) {
    if (text(condition, {"type"}) != type) continue;
    if (text(condition, {"status"}) == status) {
      made["lastTransitionTime"] = condition.value("lastTransitionTime", now);
    }
    condition = made;
    return;
  }
  conditions.push_back(made);
}

TypePtr Objects::find(const kube::ResourceType& type) const {
  TypePtr found = server_.find_type(type.group, type.version, type.plural);
  NATRIX_ASSERT(found != nullptr, "the controllers use built-in kinds only");
  return found;
}

std::vector<Json> Objects::list(const kube::ResourceType& type, const std::string& ns,
                                const std::string& labels) const {
  auto page = server_.list(find(type), {ns, labels, "", 0, "", {}});
  return page ? std::move(page->items) : std::vector<Json>();
}

std::optional<Json> Objects::get(const kube::ResourceType& type, const std::string& ns,
                                 const std::string& name) const {
  auto found = server_.get({find(type), ns, name, ""});
  if (!found) return std::nullopt;
  return std::move(*found);
}

std::optional<Json> Objects::create(const kube::ResourceType& type, const Json& object) {
  auto written = server_.create(find(type), ns_of(object), object, options_);
  if (!written) return std::nullopt;
  return std::move(written->object);
}

bool Objects::update(const kube::ResourceType& type, const Json& object) {
  return server_.update({find(type), ns_of(object), name_of(object), ""}, object, options_).ok();
}

bool Objects::update_status(const kube::ResourceType& type, const Json& object,
                            const Json& status) {
  if (member(object, {"status"}) == status) return true;
  Json changed = object;
  changed["status"] = status;
  return server_.update({find(type), ns_of(object), name_of(object), "status"}, changed, options_)
      .ok();
}

bool Objects::patch(const kube::ResourceType& type, const Json& object, const Json& merge_patch) {
  return server_
      .patch({find(type), ns_of(object), name_of(object), ""},
             {memory_api::PatchKind::kMerge, merge_patch, false}, options_)
      .ok();
}

void Objects::ensure(const kube::ResourceType& type, const Json& object) {
  const std::optional<Json> live = get(type, ns_of(object), name_of(object));
  if (!live) {
    create(type, object);
    return;
  }
  Json wanted = object;
  wanted["metadata"] = (*live)["metadata"];
  if (object["metadata"].contains("labels")) {
    wanted["metadata"]["labels"] = object["metadata"]["labels"];
  }
  update(type, wanted);
}

bool Objects::remove(const kube::ResourceType& type, const Json& object,
                     std::optional<int64_t> grace_seconds) {
  memory_api::DeleteRequest request;
  request.uid = uid_of(object);
  request.grace_seconds = grace_seconds;
  return server_.remove({find(type), ns_of(object), name_of(object), ""}, request).ok();
}

std::string Objects::now() const {
  return ops::format_time(std::chrono::system_clock::now());
}

void Objects::record(const Json& object, const char* type, const std::string& reason,
                     const std::string& message) {
  const std::string ns = ns_of(object).empty() ? "default" : ns_of(object);
  const std::string name =
      fmt::format("{}.{:016x}", name_of(object),
                  hash_of(uid_of(object) + options_.manager + type + reason + message));
  if (const std::optional<Json> live = get(kCoreEvents, ns, name)) {
    patch(kCoreEvents, *live,
          {{"count", integer(*live, {"count"}, 1) + 1}, {"lastTimestamp", now()}});
    return;
  }
  create(kCoreEvents, {{"metadata", {{"name", name}, {"namespace", ns}}},
                       {"involvedObject",
                        {{"apiVersion", object["apiVersion"]},
                         {"kind", object["kind"]},
                         {"namespace", ns_of(object)},
                         {"name", name_of(object)},
                         {"uid", uid_of(object)}}},
                       {"reason", reason},
                       {"message", message},
                       {"type", type},
                       {"source", {{"component", options_.manager}}},
                       {"reportingComponent", options_.manager},
                       {"reportingInstance", "local"},
                       {"firstTimestamp", now()},
                       {"lastTimestamp", now()},
                       {"count", 1}});
}

}  // namespace natrix::workload
