// Certificates as files of the pods: the keys of the Secrets under the names that the configuration
// uses. The kubelet replaces the files when a Secret changes, and the servers read them again by
// themselves (kReloadInterval in container.cc).
#include "operator/resource/tls.h"

#include "operator/brokerconf/render.h"

namespace natrix::resource {

namespace {

using model::Json;

void add(const model::Tls& tls, const char* name, const char* directory, Json& volumes,
         Json& mounts) {
  if (!tls.enabled) return;
  Json items = Json::array({{{"key", tls.cert}, {"path", brokerconf::kCertFile}},
                            {{"key", tls.key}, {"path", brokerconf::kKeyFile}}});
  if (tls.verify) items.push_back({{"key", tls.ca}, {"path", brokerconf::kAuthorityFile}});
  volumes.push_back(
      {{"name", name}, {"secret", {{"secretName", tls.secret}, {"items", std::move(items)}}}});
  mounts.push_back({{"name", name}, {"mountPath", directory}, {"readOnly", true}});
}

}  // namespace

void add_tls(const model::Config& config, Json& volumes, Json& mounts) {
  add(config.nats.tls, "nats-tls", brokerconf::kClientTlsDirectory, volumes, mounts);
  add(config.cluster.tls, "cluster-tls", brokerconf::kRouteTlsDirectory, volumes, mounts);
}

}  // namespace natrix::resource
