// Clusters to build children of.
#pragma once

#include <stdexcept>

#include "operator/resource/children.h"

namespace natrix::resource {

inline model::Cluster cluster_of(const std::string& spec, const char* name = "nats") {
  const Json object = {{"metadata", {{"name", name}, {"namespace", "shop"}, {"uid", "uid-1"}}},
                       {"spec", Json::parse(spec)}};
  auto parsed = model::parse_cluster(object);
  if (!parsed) throw std::runtime_error(parsed.error().front().text());
  return *parsed;
}

inline std::vector<Child> children_of(const model::Cluster& cluster) {
  brokerconf::Secrets secrets;
  secrets.routes = {"route", "secret"};
  secrets.token = "token";
  secrets.users.resize(cluster.spec.auth.users.size(), {"user", "pass"});
  return build_children(cluster, brokerconf::render(cluster, secrets), {"natrix-broker:test"});
}

inline Json child_of(const model::Cluster& cluster, Kind kind, const std::string& name) {
  for (const Child& child : children_of(cluster)) {
    if (child.kind == kind && child.name == name) return child.object;
  }
  return nullptr;
}

}  // namespace natrix::resource
