#include "operator/local/workload/claims.h"

#include <cmath>

#include "operator/local/memory_api/selector.h"

namespace natrix::workload {

using kube::kPersistentVolumeClaims;
using kube::kPodDisruptionBudgets;
using kube::kPods;

namespace {

constexpr const char* kProtection = "kubernetes.io/pvc-protection";

// "50%" of `whole` rounded up, or a plain number.
int64_t share(const Json& value, int64_t whole) {
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_string()) return 0;
  const double percent = std::strtod(value.get<std::string>().c_str(), nullptr);
  return static_cast<int64_t>(std::ceil(percent * static_cast<double>(whole) / 100.0));
}

// How many pods there should be: what the controllers of the selected pods say.
int64_t expected_pods(const Objects& objects, const std::vector<Json>& pods) {
  std::set<std::string> owners;
  for (const Json& pod : pods) owners.insert(controller_uid(pod));
  int64_t expected = 0;
  for (const Json& set : objects.list(kube::kStatefulSets)) {
    if (owners.contains(uid_of(set))) expected += integer(set, {"spec", "replicas"});
  }
  return owners.contains("") || expected == 0 ? static_cast<int64_t>(pods.size()) : expected;
}

}  // namespace

void ClaimController::bind(Json claim) {
  if (text(claim, {"spec", "volumeName"}).empty()) {
    claim["spec"]["volumeName"] = "pvc-" + uid_of(claim);
    if (!objects_.update(kPersistentVolumeClaims, claim)) return;
    claim = objects_.get(kPersistentVolumeClaims, ns_of(claim), name_of(claim)).value_or(claim);
  }
  // Directories have no size of their own: a claim that grows has grown.
  Json status = {
      {"phase", "Bound"},
      {"accessModes", member(claim, {"spec", "accessModes"})},
      {"capacity", {{"storage", member(claim, {"spec", "resources", "requests", "storage"})}}}};
  objects_.update_status(kPersistentVolumeClaims, claim, status);
}

void ClaimController::release(Json claim) {
  for (const Json& pod : objects_.list(kPods, ns_of(claim))) {
    for (const Json& volume : member(pod, {"spec", "volumes"})) {
      if (text(volume, {"persistentVolumeClaim", "claimName"}) == name_of(claim)) return;
    }
  }
  Json kept = Json::array();
  for (const Json& finalizer : member(claim, {"metadata", "finalizers"})) {
    if (finalizer != kProtection) kept.push_back(finalizer);
  }
  claim["metadata"]["finalizers"] = kept;
  objects_.update(kPersistentVolumeClaims, claim);
}

void ClaimController::sync() {
  for (Json& claim : objects_.list(kPersistentVolumeClaims)) {
    if (deleting(claim)) {
      release(std::move(claim));
    } else {
      bind(std::move(claim));
    }
  }
}

void BudgetController::sync() {
  for (const Json& budget : objects_.list(kPodDisruptionBudgets)) {
    auto selector = memory_api::LabelSelector::from_json(member(budget, {"spec", "selector"}));
    if (!selector) continue;
    std::vector<Json> pods = objects_.list(kPods, ns_of(budget));
    std::erase_if(pods, [&](const Json& pod) { return !selector->matches(pod); });
    int64_t healthy = 0;
    for (const Json& pod : pods) healthy += pod_ready(pod) && !deleting(pod) ? 1 : 0;
    const int64_t expected = expected_pods(objects_, pods);
    const Json& spec = budget["spec"];
    const int64_t desired =
        spec.contains("minAvailable")
            ? share(spec["minAvailable"], expected)
            : std::max<int64_t>(0, expected - share(member(spec, {"maxUnavailable"}), expected));
    const int64_t allowed = std::max<int64_t>(0, healthy - desired);
    Json status = member(budget, {"status"});
    if (!status.is_object()) status = Json::object();
    status["expectedPods"] = expected;
    status["currentHealthy"] = healthy;
    status["desiredHealthy"] = desired;
    status["disruptionsAllowed"] = allowed;
    status["observedGeneration"] = integer(budget, {"metadata", "generation"});
    set_condition(status["conditions"], "DisruptionAllowed", allowed > 0 ? "True" : "False",
                  allowed > 0 ? "SufficientPods" : "InsufficientPods", "", objects_.now());
    objects_.update_status(kPodDisruptionBudgets, budget, status);
  }
}

}  // namespace natrix::workload
