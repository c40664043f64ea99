// /openapi/v2 in the protobuf form that kubectl before 1.27 reads for `kubectl explain` and for its
// own check of what it sends.
//
// Custom resources only: the schemas of built-in kinds are as deep as this API needs them, and an
// older kubectl would refuse the fields it does not find; without a schema it leaves the check to
// the server.
//
// Message and field numbers: openapiv2/OpenAPIv2.proto of google/gnostic-models.
#pragma once

#include <string>
#include <vector>

#include "operator/local/memory_api/types.h"

namespace natrix::http_front {

inline constexpr const char* kOpenApiV2Type =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

// `types` is what the server serves. Pure.
std::string openapi_v2_document(const std::vector<memory_api::TypePtr>& types);

}  // namespace natrix::http_front
