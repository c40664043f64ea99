// Keeps node drains from taking more than one server at a time.
#include "operator/resource/builders.h"
#include "operator/resource/names.h"

namespace natrix::resource {

Json pod_disruption_budget(const model::Cluster& cluster) {
  Json out = object_head(cluster, "policy/v1", "PodDisruptionBudget", cluster.name);
  out["spec"] = {{"maxUnavailable", cluster.spec.pod_disruption_budget.max_unavailable},
                 {"selector", {{"matchLabels", selector_labels(cluster)}}}};
  return out;
}

}  // namespace natrix::resource
