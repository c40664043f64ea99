#include "operator/reconcile/storage.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/model/units.h"

namespace natrix::reconcile {

namespace {

using model::ActionReason;
using resource::Kind;

constexpr const char* kRetention = "persistentVolumeClaimRetentionPolicy";

bool smaller(const std::string& a, const std::string& b) {
  return model::quantity_units(a) < model::quantity_units(b);
}

Json* startup_threshold(Json& set) {
  const Json::json_pointer where("/spec/template/spec/containers/0/startupProbe/failureThreshold");
  return set.contains(where) ? &set[where] : nullptr;
}

}  // namespace

bool is_growth(const Difference& difference) {
  const std::string& path = difference.path;
  constexpr std::string_view kEnd = ".spec.resources.requests.storage";
  return is_below(path, "spec.volumeClaimTemplates") && path.size() > kEnd.size() &&
         path.compare(path.size() - kEnd.size(), kEnd.size(), kEnd) == 0 &&
         difference.live.is_string() && difference.wanted.is_string() &&
         smaller(difference.live.get<std::string>(), difference.wanted.get<std::string>());
}

std::vector<Action> claim_growth(const std::vector<Claim>& claims, const std::string& size) {
  std::vector<Action> out;
  for (const Claim& claim : claims) {
    if (claim.deleting || claim.requested.empty() || !smaller(claim.requested, size)) continue;
    Action action{Action::Verb::kPatch, {Kind::kPersistentVolumeClaim, claim.name}, Json::object()};
    // With uid and version: this claim, as it was seen.
    action.object = {
        {"metadata", {{"uid", claim.uid}, {"resourceVersion", claim.resource_version}}},
        {"spec", {{"resources", {{"requests", {{"storage", size}}}}}}}};
    action.changes.push_back(
        {ActionReason::kStorageGrown, "spec.resources.requests.storage", false,
         fmt::format("claim {} grows from {} to {}", claim.name, claim.requested, size)});
    out.push_back(std::move(action));
  }
  return out;
}

std::optional<Action> recreation(const ChildKey& key, const Json& live,
                                 const std::vector<Claim>& claims, const std::string& size) {
  Action action{Action::Verb::kOrphan, key, nullptr};
  action.changes.push_back(
      {ActionReason::kStorageGrown, "spec.volumeClaimTemplates", false,
       fmt::format("{} is made anew around its pods with volumes of {}", text_of(key), size)});
  const std::string when_deleted = string_at(live, {"spec", kRetention, "whenDeleted"});
  if (!when_deleted.empty() && when_deleted != "Retain") {
    action.verb = Action::Verb::kPatch;
    action.object = {{"metadata",
                      {{"uid", string_at(live, {"metadata", "uid"})},
                       {"resourceVersion", string_at(live, {"metadata", "resourceVersion"})}}},
                     {"spec", {{kRetention, {{"whenDeleted", "Retain"}}}}}};
    action.changes.front().message =
        fmt::format("{} keeps its claims while it is made anew", text_of(key));
    return action;
  }
  const bool owned =
      std::any_of(claims.begin(), claims.end(), [](const Claim& claim) { return claim.owned; });
  if (owned) return std::nullopt;
  action.uid = string_at(live, {"metadata", "uid"});
  action.resource_version = string_at(live, {"metadata", "resourceVersion"});
  return action;
}

void keep_startup_budget(Json& wanted, const Json& live) {
  Json* mine = startup_threshold(wanted);
  const Json& containers = at(live, {"spec", "template", "spec", "containers"});
  if (mine == nullptr || !containers.is_array() || containers.empty()) return;
  const Json& theirs = at(containers[0], {"startupProbe", "failureThreshold"});
  if (theirs.is_null() || theirs == *mine) return;
  for (const Difference& difference : differences(wanted, live)) {
    const bool threshold =
        difference.path.find("startupProbe.failureThreshold") != std::string::npos;
    if (is_below(difference.path, "spec.template") && !threshold) return;
  }
  *mine = theirs;
}

void keep_startup_budget(Json& wanted, int64_t failures) {
  Json* mine = startup_threshold(wanted);
  if (mine != nullptr && failures > 0) *mine = failures;
}

void keep_volumes(Json& wanted, const Json& live) {
  const Json& templates = at(live, {"spec", "volumeClaimTemplates"});
  Json& mine = wanted["spec"]["volumeClaimTemplates"];
  for (size_t i = 0; i < mine.size() && i < templates.size(); ++i) {
    mine[i]["spec"]["resources"]["requests"]["storage"] =
        at(templates[i], {"spec", "resources", "requests", "storage"});
  }
  wanted["spec"][kRetention]["whenDeleted"] = at(live, {"spec", kRetention, "whenDeleted"});
}

std::vector<std::string> growing(const std::vector<Claim>& claims, const std::string& size) {
  std::vector<std::string> out;
  for (const Claim& claim : claims) {
    if (claim.capacity.empty() || !smaller(claim.capacity, size)) continue;
    out.push_back(fmt::format("{} has {} of {}", claim.name, claim.capacity, size));
  }
  return out;
}

}  // namespace natrix::reconcile
