// The part of the servers' configuration that anybody may read.
#include "operator/resource/builders.h"
#include "operator/resource/names.h"

namespace natrix::resource {

Json config_map(const model::Cluster& cluster, const brokerconf::Rendered& config) {
  Json out = object_head(cluster, "v1", "ConfigMap", config_name(cluster));
  out["data"] = {{brokerconf::kMainFile, config.nats_conf}};
  return out;
}

}  // namespace natrix::resource
