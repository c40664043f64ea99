// The part of JSONPath that printer columns of a CustomResourceDefinition use:
//   .spec.replicas   .metadata.labels.app\.kubernetes\.io/name   .metadata.labels['a.b/c']
//   .status.servers[0].name   .items[*].x   .status.conditions[?(@.type=="Ready")].status
//
// Pure; safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "operator/kube/api.h"

namespace natrix::http_front {

// All values the path selects, in document order; none when it leads nowhere. The error says where
// the path is malformed.
Result<std::vector<kube::Json>> select_path(const kube::Json& document, std::string_view path);

}  // namespace natrix::http_front
