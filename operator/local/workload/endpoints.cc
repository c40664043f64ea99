#include "operator/local/workload/endpoints.h"

namespace natrix::workload {

namespace {

int container_port(const Json& pod, const Json& target) {
  if (target.is_number_integer()) return target.get<int>();
  for (const Json& container : member(pod, {"spec", "containers"})) {
    for (const Json& port : member(container, {"ports"})) {
      if (member(port, {"name"}) == target)
        return static_cast<int>(integer(port, {"containerPort"}));
    }
  }
  return 0;
}

std::string selector_text(const Json& service) {
  std::string out;
  for (const auto& label : member(service, {"spec", "selector"}).items()) {
    out += fmt::format("{}{}={}", out.empty() ? "" : ",", label.key(),
                       label.value().get<std::string>());
  }
  return out;
}

Json target_reference(const Json& pod) {
  return {{"kind", "Pod"}, {"name", name_of(pod)}, {"namespace", ns_of(pod)}, {"uid", uid_of(pod)}};
}

Json head_of(const Json& service, const char* kind, const char* api_version, const char* label,
             const std::string& name) {
  return {{"apiVersion", api_version},
          {"kind", kind},
          {"metadata",
           {{"name", name},
            {"namespace", ns_of(service)},
            {"labels", {{label, name_of(service)}}},
            {"ownerReferences", Json::array({controller_reference(service)})}}}};
}

}  // namespace

std::vector<Backend> backends_of(const Json& service_port, const std::vector<Json>& pods) {
  std::vector<Backend> out;
  for (const Json& pod : pods) {
    const std::string address = text(pod, {"status", "podIP"});
    const int port = container_port(pod, member(service_port, {"targetPort"}));
    if (address.empty() || port == 0 || deleting(pod)) continue;
    out.push_back({address, port, name_of(pod), pod_ready(pod)});
  }
  return out;
}

std::vector<Json> pods_of(const Objects& objects, const Json& service) {
  const std::string selector = selector_text(service);
  if (selector.empty()) return {};
  return objects.list(kube::kPods, ns_of(service), selector);
}

void EndpointsController::write(const Json& service) {
  const std::vector<Json> pods = pods_of(objects_, service);
  const bool all = service["spec"].value("publishNotReadyAddresses", false);
  Json endpoints = head_of(service, "Endpoints", "v1", "natrix.dev/service", name_of(service));
  Json slice = head_of(service, "EndpointSlice", "discovery.k8s.io/v1",
                       "kubernetes.io/service-name", name_of(service) + "-local");
  Json ready = Json::array();
  Json not_ready = Json::array();
  slice["addressType"] = "IPv4";
  slice["endpoints"] = Json::array();
  slice["ports"] = Json::array();
  for (const Json& pod : pods) {
    const std::string address = text(pod, {"status", "podIP"});
    if (address.empty()) continue;
    const bool up = pod_ready(pod) || all;
    if (!deleting(pod)) {
      (up ? ready : not_ready)
          .push_back({{"ip", address},
                      {"nodeName", text(pod, {"spec", "nodeName"})},
                      {"targetRef", target_reference(pod)}});
    }
    slice["endpoints"].push_back({{"addresses", {address}},
                                  {"conditions",
                                   {{"ready", up && !deleting(pod)},
                                    {"serving", pod_ready(pod)},
                                    {"terminating", deleting(pod)}}},
                                  {"nodeName", text(pod, {"spec", "nodeName"})},
                                  {"targetRef", target_reference(pod)}});
  }
  Json ports = Json::array();
  for (const Json& port : member(service, {"spec", "ports"})) {
    int number = 0;
    for (const Backend& backend : backends_of(port, pods)) number = backend.port;
    if (number == 0) continue;
    Json one = {{"port", number}, {"protocol", text(port, {"protocol"})}};
    if (port.contains("name")) one["name"] = port["name"];
    slice["ports"].push_back(one);
    ports.push_back(std::move(one));
  }
  if (!ready.empty() || !not_ready.empty()) {
    Json subset = {{"ports", ports}};
    if (!ready.empty()) subset["addresses"] = ready;
    if (!not_ready.empty()) subset["notReadyAddresses"] = not_ready;
    endpoints["subsets"] = Json::array({subset});
  }
  objects_.ensure(kEndpoints, endpoints);
  objects_.ensure(kEndpointSlices, slice);
}

void EndpointsController::sync() {
  for (const Json& service : objects_.list(kube::kServices)) {
    if (!deleting(service) && !member(service, {"spec", "selector"}).empty()) write(service);
  }
}

}  // namespace natrix::workload
