#include "operator/manifests/rbac.h"

#include <map>

namespace natrix::manifests {

using model::OrderedJson;

const std::vector<Permission>& cluster_permissions() {
  static const std::vector<Permission> kPermissions = {
      {"natrix.dev", "natsclusters", {"get", "list", "watch"}, "the clusters asked for"},
      {"natrix.dev",
       "natsclusters/status",
       {"patch"},
       "the status is written by server-side apply"},
      {"natrix.dev",
       "natsclusters/finalizers",
       {"update"},
       "API servers that enforce owner references ask for it"},
      {"", "configmaps", {"get", "list", "watch", "create", "patch"}, "the servers' configuration"},
      {"", "serviceaccounts", {"get", "list", "watch", "create", "patch"}, "the servers' identity"},
      {"",
       "services",
       {"get", "list", "watch", "create", "patch", "delete"},
       "may be switched off"},
      // No list and no watch: that would show every Secret there is.
      {"",
       "secrets",
       {"get", "create", "patch"},
       "route credentials, and the Secrets that specs name"},
      {"",
       "pods",
       {"list", "watch", "delete"},
       "the state of the servers; deleted one at a time to restart them"},
      // No delete: volumes are nobody's to remove but the user's and the StatefulSet controller's.
      {"", "persistentvolumeclaims", {"list", "patch"}, "volumes grow in place"},
      {"apps",
       "statefulsets",
       {"get", "list", "watch", "create", "patch", "delete"},
       "the servers; recreated around their pods when volumes grow"},
      {"policy",
       "poddisruptionbudgets",
       {"get", "list", "watch", "create", "patch", "delete"},
       "may be switched off"},
      {"networking.k8s.io",
       "networkpolicies",
       {"get", "list", "watch", "create", "patch", "delete"},
       "may be switched off"},
      {"events.k8s.io", "events", {"create"}, "one for each transition"},
  };
  return kPermissions;
}

const std::vector<Permission>& own_permissions() {
  static const std::vector<Permission> kPermissions = {
      {"coordination.k8s.io", "leases", {"get", "watch", "create", "update"}, "one active replica"},
  };
  return kPermissions;
}

OrderedJson rules_of(const std::vector<Permission>& permissions) {
  OrderedJson rules = OrderedJson::array();
  for (const Permission& permission : permissions) {
    OrderedJson* same = nullptr;
    for (OrderedJson& rule : rules) {
      if (rule["apiGroups"][0] == permission.group &&
          rule["verbs"] == OrderedJson(permission.verbs))
        same = &rule;
    }
    if (same != nullptr) {
      (*same)["resources"].push_back(permission.resource);
    } else {
      rules.push_back({{"apiGroups", OrderedJson::array({permission.group})},
                       {"resources", OrderedJson::array({permission.resource})},
                       {"verbs", permission.verbs}});
    }
  }
  return rules;
}

OrderedJson cluster_role() {
  return {{"apiVersion", "rbac.authorization.k8s.io/v1"},
          {"kind", "ClusterRole"},
          {"metadata", {{"name", "natrix-operator"}}},
          {"rules", rules_of(cluster_permissions())}};
}

OrderedJson own_role() {
  return {{"apiVersion", "rbac.authorization.k8s.io/v1"},
          {"kind", "Role"},
          {"metadata", {{"name", "natrix-operator"}}},
          {"rules", rules_of(own_permissions())}};
}

}  // namespace natrix::manifests
