#include "operator/resource/children.h"

#include "operator/model/digest.h"
#include "operator/model/labels.h"
#include "operator/resource/builders.h"
#include "operator/resource/names.h"

namespace natrix::resource {

namespace {

Child finished(Kind kind, Json object) {
  const std::string digest = model::digest_of(object);
  object["metadata"]["annotations"][model::kAppliedAnnotation] = digest;
  std::string name = object["metadata"]["name"];
  return {kind, std::move(name), std::move(object)};
}

}  // namespace

std::vector<Child> build_children(const model::Cluster& cluster, const brokerconf::Rendered& config,
                                  const Options& options) {
  std::vector<Child> out;
  out.push_back(finished(Kind::kServiceAccount, service_account(cluster)));
  out.push_back(finished(Kind::kSecret, config_secret(cluster, config)));
  out.push_back(finished(Kind::kConfigMap, config_map(cluster, config)));
  out.push_back(finished(Kind::kService, headless_service(cluster)));
  if (cluster.spec.service.enabled && !cluster.spec.service.headless())
    out.push_back(finished(Kind::kService, client_service(cluster)));
  if (cluster.spec.pod_disruption_budget.enabled) {
    out.push_back(finished(Kind::kPodDisruptionBudget, pod_disruption_budget(cluster)));
  }
  if (cluster.spec.network_policy.enabled) {
    out.push_back(finished(Kind::kNetworkPolicy, network_policy(cluster)));
  }
  out.push_back(finished(Kind::kStatefulSet, stateful_set(cluster, config, options)));
  return out;
}

std::vector<Unwanted> unwanted_children(const model::Cluster& cluster) {
  std::vector<Unwanted> out;
  if (!cluster.spec.service.enabled) out.push_back({Kind::kService, cluster.name});
  if (!cluster.spec.pod_disruption_budget.enabled) {
    out.push_back({Kind::kPodDisruptionBudget, cluster.name});
  }
  if (!cluster.spec.network_policy.enabled) {
    out.push_back({Kind::kNetworkPolicy, cluster.name});
  }
  return out;
}

}  // namespace natrix::resource
