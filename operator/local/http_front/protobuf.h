// Bodies that newer kubectl versions send in Kubernetes' protobuf form: `kubectl create secret`,
// `configmap`, `namespace` and `serviceaccount`. Other kinds come as JSON with `-f`.
//
// Field numbers: k8s.io/api/core/v1/generated.proto, k8s.io/apimachinery/.../generated.proto.
// Pure; bounded by the size of the body.
#pragma once

#include <string_view>

#include "broker/base/result.h"
#include "operator/kube/api.h"

namespace natrix::http_front {

// An object out of its envelope ("k8s\0" and runtime.Unknown). The error tells what to do instead.
Result<kube::Json> parse_protobuf(std::string_view body);

}  // namespace natrix::http_front
