// What clients connect to: it has the cluster's own name, so "nats://<name>:4222" is all they need.
#include "operator/resource/builders.h"
#include "operator/resource/names.h"
#include "operator/resource/services.h"

namespace natrix::resource {

Json client_service(const model::Cluster& cluster) {
  const model::Config& config = cluster.spec.config;
  const model::Service& service = cluster.spec.service;
  Json ports = Json::array({service_port("nats", config.nats.port, "tcp")});
  if (config.monitor.enabled && service.monitor_port) {
    ports.push_back(service_port("monitor", config.monitor.port, "http"));
  }
  Json out = object_head(cluster, "v1", "Service", cluster.name);
  if (!service.annotations.empty()) out["metadata"]["annotations"] = service.annotations;
  out["spec"] = {
      {"type", service.type}, {"selector", selector_labels(cluster)}, {"ports", std::move(ports)}};
  return out;
}

}  // namespace natrix::resource
