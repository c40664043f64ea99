// The part of the servers' configuration that holds passwords: routes and users, as files that the
// main file includes.
#include "operator/model/base64.h"
#include "operator/resource/builders.h"
#include "operator/resource/names.h"

namespace natrix::resource {

Json config_secret(const model::Cluster& cluster, const brokerconf::Rendered& config) {
  Json out = object_head(cluster, "v1", "Secret", config_name(cluster));
  out["type"] = "Opaque";
  out["data"] = {{brokerconf::kClusterFile, model::base64_encode(config.cluster_conf)}};
  if (!config.auth_conf.empty()) {
    out["data"][brokerconf::kAuthFile] = model::base64_encode(config.auth_conf);
  }
  return out;
}

}  // namespace natrix::resource
