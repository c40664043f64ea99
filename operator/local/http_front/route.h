// Which resource a path of the Kubernetes API means. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace natrix::http_front {

struct Route {
  std::string group;  // empty: core
  std::string version;
  std::string plural;
  std::string ns;
  std::string name;         // empty: the collection
  std::string subresource;  // "status", "scale", "log", ...
};

// Nothing for paths that are not below /api/<version>/ or /apis/<group>/<version>/.
std::optional<Route> parse_route(std::string_view path);

}  // namespace natrix::http_front
