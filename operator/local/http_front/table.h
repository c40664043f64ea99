// Objects as the tables that `kubectl get` prints (meta.k8s.io/v1 Table). Columns of built-in kinds
// follow kubectl's habits; those of custom resources come from additionalPrinterColumns.
//
// Pure; safe from any thread.
#pragma once

#include <chrono>
#include <vector>

#include "operator/local/memory_api/types.h"

namespace natrix::http_front {

using kube::Json;

enum class IncludeObject { kNone, kMetadata, kObject };

// `with_columns` is false for later events of a watch.
Json make_table(const memory_api::TypeInfo& type, const std::vector<Json>& objects,
                IncludeObject include, std::chrono::system_clock::time_point now,
                bool with_columns = true);

// "5s", "3m10s", "4h", "2d3h", "3y20d": as kubectl writes ages.
std::string human_duration(std::chrono::seconds duration);

}  // namespace natrix::http_front
