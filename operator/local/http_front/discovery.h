// What the server says about itself: /version, /api, /apis and the resource lists below them, in
// the form every kubectl understands (not the aggregated one). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/local/memory_api/types.h"

namespace natrix::http_front {

using kube::Json;
using memory_api::TypePtr;

// The Kubernetes version whose API is spoken.
inline constexpr const char* kMinorVersion = "32";

Json version_info();

// The document at a discovery path; nothing when the path is none (or names an unknown group).
std::optional<Json> discovery_document(const std::string& path, const std::vector<TypePtr>& types);

}  // namespace natrix::http_front
