// The password that servers show each other. Made once: a server that restarts with another one
// would be refused by those that still run.
#include "operator/model/base64.h"
#include "operator/resource/builders.h"
#include "operator/resource/names.h"

namespace natrix::resource {

Child build_routes_secret(const model::Cluster& cluster,
                          const brokerconf::Credentials& credentials) {
  Json out = object_head(cluster, "v1", "Secret", routes_secret_name(cluster));
  out["type"] = "kubernetes.io/basic-auth";
  out["data"] = {{"username", model::base64_encode(credentials.user)},
                 {"password", model::base64_encode(credentials.password)}};
  return {Kind::kSecret, routes_secret_name(cluster), std::move(out)};
}

}  // namespace natrix::resource
