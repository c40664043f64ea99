#include "operator/local/http_front/route.h"

#include <vector>

namespace natrix::http_front {

namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    if (slash != 0) out.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return out;
}

}  // namespace

std::optional<Route> parse_route(std::string_view path) {
  const std::vector<std::string> parts = split(path);
  Route route;
  size_t next = 0;
  if (parts.size() >= 3 && parts[0] == "api") {
    route.version = parts[1];
    next = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    route.group = parts[1];
    route.version = parts[2];
    next = 3;
  } else {
    return std::nullopt;
  }
  const size_t left = parts.size() - next;
  // /namespaces/<ns>/<plural>... but /namespaces/<name>/status is a part of the namespace itself.
  const bool own = left == 3 && (parts[next + 2] == "status" || parts[next + 2] == "finalize");
  if (parts[next] == "namespaces" && left >= 3 && !own) {
    route.ns = parts[next + 1];
    next += 2;
  }
  route.plural = parts[next++];
  if (next < parts.size()) route.name = parts[next++];
  if (next < parts.size()) route.subresource = parts[next++];
  if (next < parts.size()) return std::nullopt;
  return route;
}

}  // namespace natrix::http_front
