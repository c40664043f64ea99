// The names of a cluster's children, and the labels that tie them to it. Names never change from
// one release to the next: a renamed StatefulSet would be a new cluster.
#pragma once

#include <string>

#include "operator/model/cluster.h"

namespace natrix::resource {

// StatefulSet, client Service, PodDisruptionBudget and ServiceAccount have the cluster's own name.
std::string headless_name(const model::Cluster& cluster);       // governs the pods' DNS names
std::string config_name(const model::Cluster& cluster);         // ConfigMap and Secret
std::string routes_secret_name(const model::Cluster& cluster);  // credentials made by the operator
std::string pod_name(const model::Cluster& cluster, int ordinal);

inline constexpr const char* kContainerName = "nats";
inline constexpr const char* kDataVolume = "data";  // claim of pod 0: data-<cluster>-0

// On every child and every pod.
model::Json common_labels(const model::Cluster& cluster);
// What selects the pods; never changes for a cluster, StatefulSets forbid it.
model::Json selector_labels(const model::Cluster& cluster);
// The same as text, for status.selector and for lists: "a=b,c=d".
std::string selector_text(const model::Cluster& cluster);

// Where clients and monitoring tools inside the Kubernetes cluster connect.
std::string client_endpoint(const model::Cluster& cluster);
std::string monitor_endpoint(const model::Cluster& cluster);

}  // namespace natrix::resource
