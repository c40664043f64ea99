// What the operator may do in Kubernetes: one table, from which the RBAC manifests are written and
// against which the tests hold every call that is made.
#pragma once

#include <string>
#include <vector>

#include "operator/model/schema.h"

namespace natrix::manifests {

struct Permission {
  std::string group;
  std::string resource;  // plural, with "/status" and the like
  std::vector<std::string> verbs;
  std::string why;
};

// In the namespaces whose clusters are managed: a ClusterRole, or a Role in each of them.
const std::vector<Permission>& cluster_permissions();
// In the operator's own namespace.
const std::vector<Permission>& own_permissions();

// The `rules` of a Role. Permissions of one group with the same verbs become one rule.
model::OrderedJson rules_of(const std::vector<Permission>& permissions);

// Whole manifests.
model::OrderedJson cluster_role();
model::OrderedJson own_role();

}  // namespace natrix::manifests
