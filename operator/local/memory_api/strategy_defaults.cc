// Defaults that depend on other fields, and what creation assigns (Kubernetes API, v1.32).
#include "operator/local/memory_api/json_util.h"
#include "operator/local/memory_api/strategy.h"
#include "operator/model/base64.h"

namespace natrix::memory_api {

namespace {

void default_container(Json& container) {
  if (!container.contains("imagePullPolicy") && container.contains("image")) {
    const auto image = container["image"].get<std::string>();
    const size_t slash = image.rfind('/');
    const size_t colon = image.find(':', slash == std::string::npos ? 0 : slash);
    const bool digest = image.find('@') != std::string::npos;
    const bool latest =
        !digest && (colon == std::string::npos || image.substr(colon + 1) == "latest");
    container["imagePullPolicy"] = latest ? "Always" : "IfNotPresent";
  }
}

void default_volume(Json& volume) {
  if (volume.is_object() && volume.size() == 1 && volume.contains("name")) {
    volume["emptyDir"] = Json::object();
  }
}

void default_pod_spec(Json& spec) {
  for (const char* list : {"containers", "initContainers"}) {
    if (!spec.contains(list) || !spec[list].is_array()) continue;
    for (Json& container : spec[list]) default_container(container);
  }
  if (spec.contains("volumes") && spec["volumes"].is_array()) {
    for (Json& volume : spec["volumes"]) default_volume(volume);
  }
  // The older name of the field is always shown as well.
  if (spec.contains("serviceAccountName")) spec["serviceAccount"] = spec["serviceAccountName"];
}

void default_pod(Json& pod) {
  Json& spec = pod["spec"];
  default_pod_spec(spec);
  if (!spec.contains("enableServiceLinks")) spec["enableServiceLinks"] = true;
  for (Json& container : spec["containers"]) {
    Json& resources = container["resources"];
    for (const auto& limit : member(resources, {"limits"}).items()) {
      if (!resources.value("requests", Json::object()).contains(limit.key())) {
        resources["requests"][limit.key()] = limit.value();
      }
    }
  }
}

void default_stateful_set(Json& object) {
  Json& spec = object["spec"];
  if (spec.contains("template") && spec["template"].contains("spec")) {
    default_pod_spec(spec["template"]["spec"]);
  }
  Json& strategy = spec["updateStrategy"];
  if (strategy.value("type", "") == "RollingUpdate") {
    Json& rolling = strategy["rollingUpdate"];
    if (!rolling.is_object()) rolling = Json::object();
    if (!rolling.contains("partition")) rolling["partition"] = 0;
  }
  if (!spec.contains("volumeClaimTemplates")) return;
  for (Json& claim : spec["volumeClaimTemplates"]) {
    claim["apiVersion"] = "v1";
    claim["kind"] = "PersistentVolumeClaim";
  }
}

void default_service(Json& object) {
  Json& spec = object["spec"];
  if (spec.contains("ports")) {
    for (Json& port : spec["ports"]) {
      if (!port.contains("targetPort")) port["targetPort"] = port["port"];
    }
  }
  const std::string type = spec.value("type", "ClusterIP");
  if (type != "ExternalName") {
    if (!spec.contains("internalTrafficPolicy")) spec["internalTrafficPolicy"] = "Cluster";
    if (!spec.contains("ipFamilies")) spec["ipFamilies"] = {"IPv4"};
    if (!spec.contains("ipFamilyPolicy")) spec["ipFamilyPolicy"] = "SingleStack";
  }
  if ((type == "NodePort" || type == "LoadBalancer") && !spec.contains("externalTrafficPolicy")) {
    spec["externalTrafficPolicy"] = "Cluster";
  }
  if (type == "LoadBalancer" && !spec.contains("allocateLoadBalancerNodePorts")) {
    spec["allocateLoadBalancerNodePorts"] = true;
  }
}

void default_secret(Json& object) {
  const auto plain = object.find("stringData");
  if (plain == object.end()) return;
  const Json values = *plain;
  object.erase(plain);
  for (const auto& item : values.items()) {
    object["data"][item.key()] = model::base64_encode(item.value().get<std::string>());
  }
}

void assign_address(Json& object, const StrategyContext& context) {
  Json& spec = object["spec"];
  if (spec.value("type", "") == "ExternalName") return;
  if (!spec.contains("clusterIP") || spec["clusterIP"] == "") {
    spec["clusterIP"] = context.service_address(object["metadata"].value("namespace", ""),
                                                object["metadata"].value("name", ""));
  }
  spec["clusterIPs"] = {spec["clusterIP"]};
}

std::string quality_class(const Json& spec) {
  bool any = false;
  bool guaranteed = true;
  for (const Json& container : spec.value("containers", Json::array())) {
    const Json resources = container.value("resources", Json::object());
    const Json requests = resources.value("requests", Json::object());
    const Json limits = resources.value("limits", Json::object());
    any = any || !requests.empty() || !limits.empty();
    for (const char* name : {"cpu", "memory"}) {
      guaranteed =
          guaranteed && limits.contains(name) && requests.value(name, Json()) == limits[name];
    }
  }
  return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

}  // namespace

void default_dependent_fields(const TypeInfo& type, Json& object) {
  if (!type.builtin || !object.contains("metadata")) return;
  const std::string& kind = type.type.kind;
  const bool has_spec = object.contains("spec") && object["spec"].is_object();
  if (kind == "Secret") default_secret(object);
  if (!has_spec) return;
  if (kind == "Pod") default_pod(object);
  if (kind == "StatefulSet") default_stateful_set(object);
  if (kind == "Service") default_service(object);
}

void prepare_create(const TypeInfo& type, Json& object, const StrategyContext& context) {
  if (!type.builtin) {
    if (type.has_status) object.erase("status");
    return;
  }
  const std::string& kind = type.type.kind;
  if (kind == "Pod") {
    object["status"] = {{"phase", "Pending"}, {"qosClass", quality_class(object["spec"])}};
    if (!object["spec"].contains("serviceAccountName")) {
      object["spec"]["serviceAccountName"] = "default";
      object["spec"]["serviceAccount"] = "default";
    }
  } else if (kind == "Service") {
    assign_address(object, context);
    object["status"] = {{"loadBalancer", Json::object()}};
  } else if (kind == "PersistentVolumeClaim") {
    object["status"] = {{"phase", "Pending"}};
    object["metadata"]["finalizers"] = {"kubernetes.io/pvc-protection"};
    // The default storage class, and the only one.
    if (!object["spec"].contains("storageClassName")) object["spec"]["storageClassName"] = "local";
  } else if (kind == "Namespace") {
    object["spec"]["finalizers"] = {"kubernetes"};
    object["status"] = {{"phase", "Active"}};
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = object["metadata"]["name"];
  } else if (kind == "StatefulSet") {
    object["status"] = {{"replicas", 0}};
  } else if (type.has_status) {
    object["status"] = Json::object();
  }
}

void prepare_update(const TypeInfo& type, const Json& live, Json& object) {
  if (type.has_status) {
    object.erase("status");
    if (live.contains("status")) object["status"] = live["status"];
  }
  if (!type.builtin || !object.contains("spec") || !live.contains("spec")) return;
  const std::string& kind = type.type.kind;
  // Assigned once; an update that leaves them out keeps them.
  const std::vector<const char*> kept =
      kind == "Service" ? std::vector<const char*>{"clusterIP", "clusterIPs"}
      : kind == "Pod" ? std::vector<const char*>{"nodeName", "serviceAccountName", "serviceAccount"}
      : kind == "PersistentVolumeClaim" ? std::vector<const char*>{"volumeName", "storageClassName"}
                                        : std::vector<const char*>{};
  for (const char* name : kept) {
    if (!object["spec"].contains(name) && live["spec"].contains(name)) {
      object["spec"][name] = live["spec"][name];
    }
  }
}

}  // namespace natrix::memory_api
