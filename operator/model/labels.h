// Labels and annotations by which the operator knows its objects.
#pragma once

#include <string>
#include <string_view>

namespace natrix::model {

inline constexpr const char* kManager = "natrix-operator";  // field manager and managed-by label

// natrix.dev/cluster is the one that counts: the official chart uses the same app.kubernetes.io
// labels, and its pods must never be taken for ours.
inline constexpr const char* kClusterLabel = "natrix.dev/cluster";
inline constexpr const char* kNameLabel = "app.kubernetes.io/name";
inline constexpr const char* kInstanceLabel = "app.kubernetes.io/instance";
inline constexpr const char* kComponentLabel = "app.kubernetes.io/component";
inline constexpr const char* kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr const char* kAppLabel = "app";  // what older manifests select by
inline constexpr const char* kAppName = "nats";

// Selects the children of all clusters: what the informers watch.
inline constexpr const char* kManagedSelector = "app.kubernetes.io/managed-by=natrix-operator";

// On every child: digest of what was last applied, so that a field that was dropped is noticed.
inline constexpr const char* kAppliedAnnotation = "natrix.dev/applied-digest";
// On the pod template: digest of the configuration a server reads only at start.
inline constexpr const char* kConfigAnnotation = "natrix.dev/config-digest";
// On the StatefulSet: the generation of the NatsCluster it was last written for, so that a stale
// answer of the API server is never taken for the newest spec.
inline constexpr const char* kGenerationAnnotation = "natrix.dev/generation";
// On the StatefulSet: how many servers it is on its way to. Scaling down goes one server at a time.
inline constexpr const char* kTargetReplicasAnnotation = "natrix.dev/target-replicas";
// On a NatsCluster, by the user: a new value restarts the servers one by one.
inline constexpr const char* kRestartAnnotation = "natrix.dev/restart";
// On a NatsCluster, by the user: the digest of the plan that may be carried out (Approve).
inline constexpr const char* kApproveAnnotation = "natrix.dev/approve-plan";
// On a NatsCluster, by the user: this pod may be taken down although the gate is closed.
inline constexpr const char* kForceAnnotation = "natrix.dev/force-step";

inline bool is_own_label(std::string_view key) {
  return key.rfind("natrix.dev/", 0) == 0 || key == kNameLabel || key == kInstanceLabel ||
         key == kComponentLabel || key == kManagedByLabel;
}

}  // namespace natrix::model
