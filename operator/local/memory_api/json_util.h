// Reading documents whose members may be missing.
#pragma once

#include <initializer_list>
#include <string>

#include "operator/kube/api.h"

namespace natrix::memory_api {

using kube::Json;

// The member along `path`, or a null that outlives everything when there is none. Unlike
// json::value() it is a reference: safe to iterate with items().
inline const Json& member(const Json& object, std::initializer_list<const char*> path) {
  static const Json kNull;
  const Json* at = &object;
  for (const char* name : path) {
    if (!at->is_object()) return kNull;
    const auto found = at->find(name);
    if (found == at->end()) return kNull;
    at = &*found;
  }
  return *at;
}

// The text along `path`, empty when there is none.
inline std::string text(const Json& object, std::initializer_list<const char*> path) {
  const Json& found = member(object, path);
  return found.is_string() ? found.get<std::string>() : "";
}

// The whole number along `path`, or `otherwise`.
inline int64_t integer(const Json& object, std::initializer_list<const char*> path,
                       int64_t otherwise = 0) {
  const Json& found = member(object, path);
  return found.is_number_integer() ? found.get<int64_t>() : otherwise;
}

}  // namespace natrix::memory_api
