// An identity of its own for the servers, so that none of them runs as the namespace's default; it
// has no rights and no token.
#include "operator/resource/builders.h"

namespace natrix::resource {

Json service_account(const model::Cluster& cluster) {
  Json out = object_head(cluster, "v1", "ServiceAccount", cluster.name);
  out["automountServiceAccountToken"] = false;
  return out;
}

}  // namespace natrix::resource
