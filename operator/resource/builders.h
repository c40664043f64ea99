// The single builders, for children.cc and tests.
#pragma once

#include <map>
#include <string>

#include "operator/resource/children.h"

namespace natrix::resource {

Json service_account(const model::Cluster& cluster);
Json config_map(const model::Cluster& cluster, const brokerconf::Rendered& config);
Json config_secret(const model::Cluster& cluster, const brokerconf::Rendered& config);
Json headless_service(const model::Cluster& cluster);
Json client_service(const model::Cluster& cluster);
Json pod_disruption_budget(const model::Cluster& cluster);
Json network_policy(const model::Cluster& cluster);
Json stateful_set(const model::Cluster& cluster, const brokerconf::Rendered& config,
                  const Options& options);

// Parts of the StatefulSet.
Json pod_template(const model::Cluster& cluster, const brokerconf::Rendered& config,
                  const Options& options);
Json server_container(const model::Cluster& cluster, const Options& options);
// The variables of a pod whose values are known here; those that refer to others are left out.
std::map<std::string, std::string> known_variables(const model::Cluster& cluster,
                                                   const std::string& pod);
struct Probes {
  Json startup;
  Json liveness;
  Json readiness;
};
Probes server_probes(const model::Cluster& cluster);

// apiVersion, kind and metadata with labels and the owner reference.
Json object_head(const model::Cluster& cluster, const char* api_version, const char* kind,
                 const std::string& name);

// "registry/repository:tag@digest"
std::string image_reference(const model::Image& image, const std::string& default_image);

}  // namespace natrix::resource
