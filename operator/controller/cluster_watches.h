// What is watched for the sake of NatsClusters.
#pragma once

#include <vector>

#include "operator/controller/controller.h"

namespace natrix::controller {

// NatsClusters first, then every kind of child, by the label that names the cluster. RBAC rules of
// the operator need get, list and watch for each of these.
std::vector<WatchSpec> cluster_watches();

}  // namespace natrix::controller
