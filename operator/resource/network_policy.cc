// Who reaches the servers. Routes are between servers alone; what else is open, clients may use.
#include "operator/resource/builders.h"
#include "operator/resource/names.h"

namespace natrix::resource {

namespace {

constexpr int kLastPort = 65535;

Json port(int number) {
  return {{"protocol", "TCP"}, {"port", number}};
}

Json ports(int first, int last) {
  return {{"protocol", "TCP"}, {"port", first}, {"endPort", last}};
}

Json rule(Json ports, const std::optional<Json>& peers) {
  Json out = {{"ports", std::move(ports)}};
  if (peers) out["from"] = *peers;
  return out;
}

// Every port but these: config.merge may open listeners that nobody here knows of.
Json all_but(std::vector<int> closed) {
  std::sort(closed.begin(), closed.end());
  Json out = Json::array();
  int first = 1;
  for (const int number : closed) {
    if (number > first) out.push_back(ports(first, number - 1));
    first = number + 1;
  }
  if (first <= kLastPort) out.push_back(ports(first, kLastPort));
  return out;
}

}  // namespace

Json network_policy(const model::Cluster& cluster) {
  const model::Config& config = cluster.spec.config;
  const model::NetworkPolicy& wanted = cluster.spec.network_policy;
  const Json servers = {{"podSelector", {{"matchLabels", selector_labels(cluster)}}}};
  Json ingress =
      Json::array({rule(Json::array({port(config.cluster.port)}), Json::array({servers}))});
  const bool monitor_apart =
      config.monitor.enabled && (wanted.client_peers || wanted.monitor_peers);
  if (wanted.client_peers) {
    ingress.push_back(rule(Json::array({port(config.nats.port)}), wanted.client_peers));
  } else {
    std::vector<int> closed = {config.cluster.port};
    if (monitor_apart) closed.push_back(config.monitor.port);
    ingress.push_back(rule(all_but(std::move(closed)), std::nullopt));
  }
  if (monitor_apart) {
    ingress.push_back(rule(Json::array({port(config.monitor.port)}), wanted.monitor_peers));
  }
  Json out = object_head(cluster, "networking.k8s.io/v1", "NetworkPolicy", cluster.name);
  out["spec"] = {{"podSelector", {{"matchLabels", selector_labels(cluster)}}},
                 {"policyTypes", Json::array({"Ingress"})},
                 {"ingress", std::move(ingress)}};
  return out;
}

}  // namespace natrix::resource
