// The servers themselves.
#include "operator/model/labels.h"
#include "operator/resource/builders.h"
#include "operator/resource/names.h"

namespace natrix::resource {

namespace {

// No owner reference: claims outlive the cluster that asked for them. The labels of a claim
// template can never be changed, so there are those that will be needed to find the claims.
Json data_claim(const model::Cluster& cluster) {
  const model::Storage& storage = *cluster.spec.storage;
  Json labels = selector_labels(cluster);
  labels[model::kManagedByLabel] = model::kManager;
  Json spec = {{"accessModes", Json::array({"ReadWriteOnce"})},
               {"resources", {{"requests", {{"storage", storage.size}}}}}};
  if (storage.storage_class_name) spec["storageClassName"] = *storage.storage_class_name;
  return {{"apiVersion", "v1"},
          {"kind", "PersistentVolumeClaim"},
          {"metadata", {{"name", kDataVolume}, {"labels", std::move(labels)}}},
          {"spec", std::move(spec)}};
}

}  // namespace

Json stateful_set(const model::Cluster& cluster, const brokerconf::Rendered& config,
                  const Options& options) {
  Json out = object_head(cluster, "apps/v1", "StatefulSet", cluster.name);
  out["metadata"]["annotations"][model::kTargetReplicasAnnotation] =
      std::to_string(cluster.spec.replicas);
  out["spec"] = {{"replicas", cluster.spec.replicas},
                 {"serviceName", headless_name(cluster)},
                 // Servers wait for each other, so they must not be started one by one.
                 {"podManagementPolicy", "Parallel"},
                 // Which server restarts when is decided by the cluster's own state, which only
                 // the operator looks at (reconcile/rollout.h).
                 {"updateStrategy", {{"type", "OnDelete"}}},
                 {"selector", {{"matchLabels", selector_labels(cluster)}}},
                 {"template", pod_template(cluster, config, options)}};
  if (cluster.spec.storage) {
    out["spec"]["volumeClaimTemplates"] = Json::array({data_claim(cluster)});
    out["spec"]["persistentVolumeClaimRetentionPolicy"] = {
        {"whenDeleted", cluster.spec.storage->when_deleted},
        {"whenScaled", cluster.spec.storage->when_scaled}};
  }
  return out;
}

}  // namespace natrix::resource
