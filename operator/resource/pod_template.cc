#include "operator/model/labels.h"
#include "operator/resource/builders.h"
#include "operator/resource/names.h"
#include "operator/resource/tls.h"

namespace natrix::resource {

namespace {

// What is asked of the node after the lame duck time for the last clients and for writing out.
constexpr int64_t kGraceBeyondLameDuckSeconds = 30;

Json pod_metadata(const model::Cluster& cluster, const brokerconf::Rendered& config) {
  Json labels = common_labels(cluster);
  for (const auto& [key, value] : cluster.spec.pod_template.labels) labels[key] = value;
  Json annotations = cluster.spec.pod_template.annotations;
  annotations[model::kConfigAnnotation] = "sha256:" + config.restart_digest;
  if (!cluster.restart.empty()) annotations[model::kRestartAnnotation] = cluster.restart;
  return {{"labels", std::move(labels)}, {"annotations", std::move(annotations)}};
}

// Pod Security Standards, level "restricted".
Json default_security_context() {
  return {{"runAsNonRoot", true},
          {"runAsUser", 1000},
          {"runAsGroup", 1000},
          {"fsGroup", 1000},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}};
}

Json default_affinity(const model::Cluster& cluster) {
  return {
      {"podAntiAffinity",
       {{"preferredDuringSchedulingIgnoredDuringExecution",
         Json::array({{{"weight", 100},
                       {"podAffinityTerm",
                        {{"topologyKey", "kubernetes.io/hostname"},
                         {"labelSelector", {{"matchLabels", selector_labels(cluster)}}}}}}})}}}};
}

Json default_spread(const model::Cluster& cluster) {
  return Json::array({{{"maxSkew", 1},
                       {"topologyKey", "topology.kubernetes.io/zone"},
                       {"whenUnsatisfiable", "ScheduleAnyway"},
                       {"labelSelector", {{"matchLabels", selector_labels(cluster)}}}}});
}

Json volumes(const model::Cluster& cluster) {
  const std::string name = config_name(cluster);
  Json out = Json::array({{{"name", "config"},
                           {"projected",
                            {{"sources", Json::array({{{"configMap", {{"name", name}}}},
                                                      {{"secret", {{"name", name}}}}})}}}},
                          {{"name", "pid"}, {"emptyDir", Json::object()}}});
  Json mounts;
  add_tls(cluster.spec.config, out, mounts);
  return out;
}

int64_t termination_grace(const model::Cluster& cluster) {
  const auto& asked = cluster.spec.pod_template.termination_grace_period_seconds;
  if (asked) return *asked;
  const auto duck =
      std::chrono::ceil<std::chrono::seconds>(cluster.spec.config.lame_duck.duration_value);
  return duck.count() + kGraceBeyondLameDuckSeconds;
}

void set_scheduling(const model::Cluster& cluster, Json& spec) {
  const model::PodTemplate& wanted = cluster.spec.pod_template;
  const Json affinity = wanted.affinity.value_or(default_affinity(cluster));
  if (!affinity.empty()) spec["affinity"] = affinity;
  const Json spread = wanted.topology_spread_constraints.value_or(default_spread(cluster));
  if (!spread.empty()) spec["topologySpreadConstraints"] = spread;
  if (!wanted.tolerations.empty()) spec["tolerations"] = wanted.tolerations;
  if (!wanted.node_selector.empty()) spec["nodeSelector"] = wanted.node_selector;
  if (!wanted.priority_class_name.empty()) spec["priorityClassName"] = wanted.priority_class_name;
}

}  // namespace

Json pod_template(const model::Cluster& cluster, const brokerconf::Rendered& config,
                  const Options& options) {
  Json spec = {{"serviceAccountName", cluster.name},
               {"automountServiceAccountToken", false},
               {"enableServiceLinks", false},
               {"terminationGracePeriodSeconds", termination_grace(cluster)},
               {"securityContext",
                cluster.spec.pod_template.security_context.value_or(default_security_context())},
               {"containers", Json::array({server_container(cluster, options)})},
               {"volumes", volumes(cluster)}};
  set_scheduling(cluster, spec);
  if (!cluster.spec.image.pull_secrets.empty()) {
    spec["imagePullSecrets"] = Json::array();
    for (const std::string& name : cluster.spec.image.pull_secrets) {
      spec["imagePullSecrets"].push_back({{"name", name}});
    }
  }
  return {{"metadata", pod_metadata(cluster, config)}, {"spec", std::move(spec)}};
}

}  // namespace natrix::resource
