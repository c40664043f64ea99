// Gives every pod a DNS name. Addresses are published before a pod is ready: servers must find each
// other to become ready.
#include "operator/resource/builders.h"
#include "operator/resource/names.h"
#include "operator/resource/services.h"

namespace natrix::resource {

Json headless_service(const model::Cluster& cluster) {
  const model::Config& config = cluster.spec.config;
  Json ports = Json::array({service_port("nats", config.nats.port, "tcp"),
                            service_port("cluster", config.cluster.port, "tcp")});
  if (config.monitor.enabled) ports.push_back(service_port("monitor", config.monitor.port, "http"));
  const bool only = cluster.spec.service.headless();
  Json out = object_head(cluster, "v1", "Service", headless_name(cluster));
  if (only && !cluster.spec.service.annotations.empty()) {
    out["metadata"]["annotations"] = cluster.spec.service.annotations;
  }
  out["spec"] = {{"clusterIP", "None"},
                 {"publishNotReadyAddresses", true},
                 {"selector", selector_labels(cluster)},
                 {"ports", std::move(ports)}};
  return out;
}

}  // namespace natrix::resource
