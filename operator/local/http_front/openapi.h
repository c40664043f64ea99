// The OpenAPI v3 pages, which kubectl 1.27 and later reads (validation happens on the server;
// explain), and what they share with v2 (openapi_v2.h). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/local/memory_api/types.h"

namespace natrix::http_front {

using kube::Json;
using memory_api::TypePtr;

// "dev.natrix.v1alpha1.NatsCluster": the group backwards.
std::string schema_name(const memory_api::TypeInfo& type);
// "/apis/natrix.dev/v1alpha1/namespaces/{namespace}/natsclusters/{name}"
std::string object_path(const memory_api::TypeInfo& type);
// The value of x-kubernetes-group-version-kind.
Json kind_extension(const memory_api::TypeInfo& type);
// The schema of whole objects of a type, with the extension that names the type.
Json kind_schema(const memory_api::TypeInfo& type);

// /openapi/v3: the list of documents.
Json openapi_index(const std::vector<TypePtr>& types);

// /openapi/v3/api/v1, /openapi/v3/apis/<group>/<version>; nothing when there is no such group.
std::optional<Json> openapi_document(const std::string& path, const std::vector<TypePtr>& types);

}  // namespace natrix::http_front
