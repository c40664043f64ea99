// The OpenAPI pages that kubectl reads: v3 (kubectl 1.27 and later: validation happens on the
// server, explain) and an empty v2 in protobuf, which makes older ones skip their own validation.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/local/memory_api/types.h"

namespace natrix::http_front {

using kube::Json;
using memory_api::TypePtr;

// /openapi/v3: the list of documents.
Json openapi_index(const std::vector<TypePtr>& types);

// /openapi/v3/api/v1, /openapi/v3/apis/<group>/<version>; nothing when there is no such group.
std::optional<Json> openapi_document(const std::string& path, const std::vector<TypePtr>& types);

}  // namespace natrix::http_front
