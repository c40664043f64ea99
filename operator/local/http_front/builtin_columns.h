// The columns of built-in kinds. Pure.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "operator/kube/api.h"

namespace natrix::http_front {

using kube::Json;
using Now = std::chrono::system_clock::time_point;

struct Column {
  std::string name;
  std::string type;  // "string", "integer"
  int priority = 0;  // above 0: only with -o wide
  std::function<Json(const Json& object, const Now& now)> cell;
};
using Columns = std::vector<Column>;

// Name and age when nothing better is known of the kind.
Columns builtin_columns(const std::string& kind);

Column age_column();

// How long ago an RFC 3339 time was, "<unknown>" when there is none.
std::string age_of(const Json& timestamp, const Now& now);

}  // namespace natrix::http_front
