// What is watched for the sake of NatsClusters.
#pragma once

#include <vector>

#include "operator/controller/controller.h"

namespace natrix::controller {

// NatsClusters first, then the kinds of children, by the label that names the cluster. Secrets are
// not among them: to watch some is to be allowed to read them all.
std::vector<WatchSpec> cluster_watches();

}  // namespace natrix::controller
