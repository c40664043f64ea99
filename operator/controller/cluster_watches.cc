#include "operator/controller/cluster_watches.h"

#include "operator/kube/resources.h"
#include "operator/model/cluster.h"
#include "operator/model/labels.h"

namespace natrix::controller {
namespace {

using cache::Change;
using cache::Projected;
using kube::Json;
using queue::Key;

// The cluster's name is all that is kept of a child besides its hash.
Projected with_cluster_name(const Json& object, Projected projected) {
  static const Json::json_pointer kLabel("/metadata/labels/natrix.dev~1cluster");
  if (object.contains(kLabel) && object[kLabel].is_string()) {
    projected.kept = std::make_shared<const Json>(object[kLabel]);
  }
  return projected;
}

std::optional<Key> cluster_of(const Change& change) {
  const cache::Item& item = change.after ? *change.after : *change.before;
  if (!item.kept) return std::nullopt;
  return Key{change.key.ns, item.kept->get<std::string>()};
}

WatchSpec child(const kube::ResourceType& type) {
  return {
      .type = type,
      .label_selector = model::kManagedSelector,
      .projection =
          [](const Json& object) { return with_cluster_name(object, cache::project_all(object)); },
      .key_of = cluster_of};
}

}  // namespace

std::vector<WatchSpec> cluster_watches() {
  // The status of a NatsCluster is written by us alone and is no reason for a pass.
  WatchSpec clusters{
      .type = {model::kGroup, model::kVersion, model::kPlural, model::kKind, true},
      .label_selector = "",
      .projection = cache::project_spec,
      .key_of = [](const Change& change) -> std::optional<Key> { return change.key; }};
  std::vector<WatchSpec> watches{std::move(clusters)};
  for (const kube::ResourceType& type :
       {kube::kStatefulSets, kube::kPods, kube::kServices, kube::kConfigMaps,
        kube::kPodDisruptionBudgets, kube::kNetworkPolicies, kube::kServiceAccounts}) {
    watches.push_back(child(type));
  }
  return watches;
}

}  // namespace natrix::controller
