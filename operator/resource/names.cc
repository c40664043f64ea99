#include "operator/resource/names.h"

#include <fmt/format.h>

#include "operator/model/labels.h"

namespace natrix::resource {

using model::Cluster;
using model::Json;

std::string headless_name(const Cluster& cluster) {
  return cluster.spec.service.headless() ? cluster.name : cluster.name + "-headless";
}
std::string config_name(const Cluster& cluster) {
  return cluster.name + "-config";
}
std::string routes_secret_name(const Cluster& cluster) {
  return cluster.name + "-routes";
}
std::string pod_name(const Cluster& cluster, int ordinal) {
  return fmt::format("{}-{}", cluster.name, ordinal);
}

Json selector_labels(const Cluster& cluster) {
  return {{model::kNameLabel, model::kAppName},
          {model::kInstanceLabel, cluster.name},
          {model::kClusterLabel, cluster.name}};
}

Json common_labels(const Cluster& cluster) {
  Json out = selector_labels(cluster);
  out[model::kAppLabel] = model::kAppName;
  out[model::kComponentLabel] = "server";
  out[model::kManagedByLabel] = model::kManager;
  return out;
}

std::string selector_text(const Cluster& cluster) {
  std::string out;
  const Json labels = selector_labels(cluster);
  for (const auto& [key, value] : labels.items()) {
    out += (out.empty() ? "" : ",") + key + "=" + value.get<std::string>();
  }
  return out;
}

std::string client_endpoint(const Cluster& cluster) {
  const std::string service = cluster.spec.service.enabled ? cluster.name : headless_name(cluster);
  return fmt::format("{}://{}.{}.svc:{}", cluster.spec.config.nats.tls.enabled ? "tls" : "nats",
                     service, cluster.ns, cluster.spec.config.nats.port);
}

std::string monitor_endpoint(const Cluster& cluster) {
  if (!cluster.spec.config.monitor.enabled) return "";
  return fmt::format("http://{}.{}.svc:{}", headless_name(cluster), cluster.ns,
                     cluster.spec.config.monitor.port);
}

}  // namespace natrix::resource
