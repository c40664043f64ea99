#include "tests/unit/operator_reconcile/judge.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/kube/resources.h"
#include "operator/reconcile/status.h"
#include "operator/reconcile/types.h"

namespace natrix::reconcile {

namespace {

bool serves(const Json& pod) {
  if (!at(pod, {"metadata", "deletionTimestamp"}).is_null()) return false;
  const Json& conditions = at(pod, {"status", "conditions"});
  return conditions.is_array() &&
         std::any_of(conditions.begin(), conditions.end(), [](const Json& condition) {
           return string_at(condition, {"type"}) == "Ready" &&
                  string_at(condition, {"status"}) == "True";
         });
}

int64_t replicas_of(const Json& object) {
  return int_at(object, {"spec", "replicas"});
}

}  // namespace

Judge::Judge(memory_api::ApiServer& server, std::string ns, std::string cluster)
    : MemoryApi(server, "operator"), ns_(std::move(ns)), cluster_(std::move(cluster)) {}

std::vector<std::string> Judge::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

void Judge::reads_may_be_stale(bool may_be) {
  const std::lock_guard lock(mutex_);
  stale_reads_ = may_be;
}

void Judge::look() {
  const std::lock_guard lock(mutex_);
  const Pods now = pods();
  for (const auto& [name, is_ready] : now) {
    if (is_ready) served_.insert(name);
  }
  const auto set = MemoryApi::get({kube::kStatefulSets, ns_, cluster_});
  const int64_t count = set ? replicas_of(*set) : 100;
  std::erase_if(served_, [&](const std::string& name) {
    return now.count(name) == 0 && std::stoi(name.substr(name.rfind('-') + 1)) >= count;
  });
}

kube::ApiResult<void> Judge::remove(const kube::ObjectRef& ref,
                                    const kube::DeletePreconditions& preconditions,
                                    kube::Propagation propagation) {
  const std::lock_guard lock(mutex_);
  const Pods before = pods();
  auto done = MemoryApi::remove(ref, preconditions, propagation);
  if (!done) return done;
  if (preconditions.uid.empty()) blame("deleted by name alone: " + ref.name);
  if (ref.type.kind == "PersistentVolumeClaim") blame("deleted the claim " + ref.name);
  if (ref.type.kind == "StatefulSet" && propagation != kube::Propagation::kOrphan) {
    blame("deleted the StatefulSet with its pods");
  }
  if (ref.type.kind == "Pod") judge_loss(before, ref.name);
  return done;
}

kube::ApiResult<Json> Judge::apply(const kube::ObjectRef& ref, const Json& object,
                                   const std::string& manager) {
  const std::lock_guard lock(mutex_);
  if (ref.type.kind != "StatefulSet") return MemoryApi::apply(ref, object, manager);
  const Pods before = pods();
  const auto live = MemoryApi::get(ref);
  auto done = MemoryApi::apply(ref, object, manager);
  if (!done) return done;
  const int64_t now = replicas_of(*done);
  const int64_t was = live ? replicas_of(*live) : now;
  if (now < was - 1) blame(fmt::format("scaled from {} to {} at once", was, now));
  if (now == was - 1) judge_loss(before, fmt::format("{}-{}", ref.name, now));
  return done;
}

kube::ApiResult<Json> Judge::apply_status(const kube::ObjectRef& ref, const Json& object,
                                          const std::string& manager) {
  const std::lock_guard lock(mutex_);
  const auto live = MemoryApi::get(ref);
  const Json& status = object["status"];
  if (live) {
    if (int_at(status, {"observedGeneration"}) > int_at(*live, {"metadata", "generation"})) {
      blame("observed a generation that is not there yet");
    }
    if (!stale_reads_) judge_ready(*live, status);
    if (!stale_reads_ && member(*live, "status") == status) {
      blame("wrote a status that did not change");
    }
  }
  return MemoryApi::apply_status(ref, object, manager);
}

Judge::Pods Judge::pods() {
  Pods out;
  const auto all = MemoryApi::list(kube::kPods, {.ns = ns_});
  if (!all) return out;
  for (const Json& pod : all->items) out[string_at(pod, {"metadata", "name"})] = serves(pod);
  return out;
}

// A server that served may go only when all others do; what does not serve costs nobody anything.
void Judge::judge_loss(const Pods& before, const std::string& name) {
  const auto gone = before.find(name);
  if (gone == before.end() || !gone->second) return;
  for (const auto& [other, is_ready] : before) {
    if (!is_ready && served_.count(other) != 0) {
      blame(fmt::format("took {} away while {} was down", name, other));
    }
  }
}

void Judge::judge_ready(const Json& live, const Json& status) {
  if (condition_status(status, model::ConditionType::kReady) != "True") return;
  // Then it only repeats what was known before.
  if (condition_status(status, model::ConditionType::kReconciled) != "True") return;
  if (int_at(status, {"observedGeneration"}) != int_at(live, {"metadata", "generation"})) return;
  const Pods now = pods();
  const auto serving =
      std::count_if(now.begin(), now.end(), [](const auto& pod) { return pod.second; });
  if (serving != replicas_of(live)) {
    blame(fmt::format("called it Ready with {} of {} servers", serving, replicas_of(live)));
  }
}

}  // namespace natrix::reconcile
