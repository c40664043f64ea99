#include "operator/local/http_front/builtin_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "operator/local/memory_api/json_util.h"

namespace natrix::http_front {

using memory_api::integer;
using memory_api::member;
using memory_api::text;

namespace {

using Cell = std::function<Json(const Json&, const Now&)>;

Cell at(std::initializer_list<const char*> path, const char* otherwise = "") {
  return [names = std::vector<const char*>(path), otherwise](const Json& object, const Now&) {
    const Json* value = &object;
    for (const char* name : names) value = &member(*value, {name});
    if (value->is_null() || *value == "") return Json(otherwise);
    return value->is_string() ? *value : Json(value->dump());
  };
}

Cell number(std::initializer_list<const char*> path) {
  return [names = std::vector<const char*>(path)](const Json& object, const Now&) {
    const Json* value = &object;
    for (const char* name : names) value = &member(*value, {name});
    return value->is_number_integer() ? *value : Json(0);
  };
}

std::string or_none(const std::string& value) {
  return value.empty() ? "<none>" : value;
}

std::string pairs(const Json& map) {
  std::string out;
  for (const auto& item : map.items()) {
    out +=
        fmt::format("{}{}={}", out.empty() ? "" : ",", item.key(), item.value().get<std::string>());
  }
  return or_none(out);
}

std::string list_of(const Json& list, const char* name) {
  std::string out;
  for (const Json& item : list) out += (out.empty() ? "" : ",") + text(item, {name});
  return or_none(out);
}

Column name_column() {
  return {"Name", "string", 0, at({"metadata", "name"})};
}

// --- pods ---

// What kubectl shows as a pod's status: the most telling reason of its containers.
std::string pod_status(const Json& pod) {
  std::string out = text(pod, {"status", "reason"});
  if (out.empty()) out = text(pod, {"status", "phase"});
  bool running = false;
  for (const Json& status : member(pod, {"status", "containerStatuses"})) {
    const std::string waiting = text(status, {"state", "waiting", "reason"});
    const std::string ended = text(status, {"state", "terminated", "reason"});
    if (!waiting.empty()) {
      out = waiting;
    } else if (!ended.empty()) {
      out = ended;
    } else if (member(status, {"state"}).contains("running")) {
      running = running || status.value("ready", false);
    }
  }
  if (out == "Completed" && running) out = "Running";
  if (member(pod, {"metadata"}).contains("deletionTimestamp")) out = "Terminating";
  return out;
}

Json pod_restarts(const Json& pod, const Now& now) {
  int64_t restarts = 0;
  std::string last;
  for (const Json& status : member(pod, {"status", "containerStatuses"})) {
    restarts += integer(status, {"restartCount"});
    last = std::max(last, text(status, {"lastState", "terminated", "finishedAt"}));
  }
  if (last.empty()) return fmt::format("{}", restarts);
  return fmt::format("{} ({} ago)", restarts, age_of(last, now));
}

Json pod_ready(const Json& pod, const Now&) {
  int ready = 0;
  for (const Json& status : member(pod, {"status", "containerStatuses"})) {
    ready += status.value("ready", false) ? 1 : 0;
  }
  return fmt::format("{}/{}", ready, member(pod, {"spec", "containers"}).size());
}

Columns pod_columns() {
  return {
      name_column(),
      {"Ready", "string", 0, pod_ready},
      {"Status", "string", 0, [](const Json& pod, const Now&) { return Json(pod_status(pod)); }},
      {"Restarts", "string", 0, pod_restarts},
      age_column(),
      {"IP", "string", 1, at({"status", "podIP"}, "<none>")},
      {"Node", "string", 1, at({"spec", "nodeName"}, "<none>")},
      {"Nominated Node", "string", 1, at({"status", "nominatedNodeName"}, "<none>")},
      {"Readiness Gates", "string", 1, [](const Json&, const Now&) { return Json("<none>"); }}};
}

// --- workloads and services ---

Columns stateful_set_columns() {
  return {name_column(),
          {"Ready", "string", 0,
           [](const Json& set, const Now&) {
             return Json(fmt::format("{}/{}", integer(set, {"status", "readyReplicas"}),
                                     integer(set, {"spec", "replicas"})));
           }},
          age_column(),
          {"Containers", "string", 1,
           [](const Json& set, const Now&) {
             return Json(list_of(member(set, {"spec", "template", "spec", "containers"}), "name"));
           }},
          {"Images", "string", 1, [](const Json& set, const Now&) {
             return Json(list_of(member(set, {"spec", "template", "spec", "containers"}), "image"));
           }}};
}

Json service_ports(const Json& service, const Now&) {
  std::string out;
  for (const Json& port : member(service, {"spec", "ports"})) {
    out += fmt::format("{}{}{}/{}", out.empty() ? "" : ",", integer(port, {"port"}),
                       port.contains("nodePort") ? ":" + port["nodePort"].dump() : "",
                       text(port, {"protocol"}));
  }
  return or_none(out);
}

Columns service_columns() {
  return {name_column(),
          {"Type", "string", 0, at({"spec", "type"})},
          {"Cluster-IP", "string", 0, at({"spec", "clusterIP"}, "<none>")},
          {"External-IP", "string", 0,
           [](const Json& service, const Now&) {
             const Json& ingress = member(service, {"status", "loadBalancer", "ingress"});
             return Json(list_of(ingress, "ip"));
           }},
          {"Port(s)", "string", 0, service_ports},
          age_column(),
          {"Selector", "string", 1, [](const Json& service, const Now&) {
             return Json(pairs(member(service, {"spec", "selector"})));
           }}};
}

Json data_count(const Json& object, const Now&) {
  return member(object, {"data"}).size() + member(object, {"binaryData"}).size();
}

Columns claim_columns() {
  return {name_column(),
          {"Status", "string", 0,
           [](const Json& claim, const Now&) {
             const bool leaving = member(claim, {"metadata"}).contains("deletionTimestamp");
             return Json(leaving ? "Terminating" : text(claim, {"status", "phase"}));
           }},
          {"Volume", "string", 0, at({"spec", "volumeName"})},
          {"Capacity", "string", 0, at({"status", "capacity", "storage"})},
          {"Access Modes", "string", 0,
           [](const Json& claim, const Now&) {
             static const std::map<std::string, std::string> kShort = {
                 {"ReadWriteOnce", "RWO"},
                 {"ReadOnlyMany", "ROX"},
                 {"ReadWriteMany", "RWX"},
                 {"ReadWriteOncePod", "RWOP"}};
             std::string out;
             for (const Json& mode : member(claim, {"status", "accessModes"})) {
               const auto found = kShort.find(mode);
               out += (out.empty() ? "" : ",") + (found == kShort.end() ? "?" : found->second);
             }
             return Json(out);
           }},
          {"StorageClass", "string", 0, at({"spec", "storageClassName"})},
          age_column(),
          {"VolumeMode", "string", 1, at({"spec", "volumeMode"})}};
}

// --- events ---

std::string last_seen(const Json& event) {
  for (const auto& path :
       {member(event, {"series", "lastObservedTime"}), member(event, {"lastTimestamp"}),
        member(event, {"eventTime"}), member(event, {"deprecatedLastTimestamp"}),
        member(event, {"metadata", "creationTimestamp"})}) {
    if (path.is_string()) return path;
  }
  return "";
}

Json event_object(const Json& event, const Now&) {
  const Json& core = member(event, {"involvedObject"});
  const Json& object = core.is_object() ? core : member(event, {"regarding"});
  std::string kind = text(object, {"kind"});
  std::transform(kind.begin(), kind.end(), kind.begin(), ::tolower);
  return kind + "/" + text(object, {"name"});
}

Columns event_columns() {
  return {{"Last Seen", "string", 0,
           [](const Json& event, const Now& now) { return Json(age_of(last_seen(event), now)); }},
          {"Type", "string", 0, at({"type"})},
          {"Reason", "string", 0, at({"reason"})},
          {"Object", "string", 0, event_object},
          {"Message", "string", 0,
           [](const Json& event, const Now&) {
             const std::string core = text(event, {"message"});
             return Json(core.empty() ? text(event, {"note"}) : core);
           }},
          {"Count", "integer", 1, number({"count"})},
          {"Name", "string", 1, at({"metadata", "name"})}};
}

// --- the rest ---

Columns budget_columns() {
  return {name_column(),
          {"Min Available", "string", 0, at({"spec", "minAvailable"}, "N/A")},
          {"Max Unavailable", "string", 0, at({"spec", "maxUnavailable"}, "N/A")},
          {"Allowed Disruptions", "integer", 0, number({"status", "disruptionsAllowed"})},
          age_column()};
}

Columns node_columns() {
  return {name_column(),
          {"Status", "string", 0,
           [](const Json& node, const Now&) {
             for (const Json& condition : member(node, {"status", "conditions"})) {
               if (text(condition, {"type"}) != "Ready") continue;
               return Json(text(condition, {"status"}) == "True" ? "Ready" : "NotReady");
             }
             return Json("Unknown");
           }},
          {"Roles", "string", 0, [](const Json&, const Now&) { return Json("<none>"); }},
          age_column(),
          {"Version", "string", 0, at({"status", "nodeInfo", "kubeletVersion"})},
          {"Internal-IP", "string", 1, [](const Json& node, const Now&) {
             const Json& addresses = member(node, {"status", "addresses"});
             return Json(addresses.empty() ? "<none>" : text(addresses[0], {"address"}));
           }}};
}

Json endpoint_list(const Json& endpoints, const Now&) {
  std::string out;
  for (const Json& subset : member(endpoints, {"subsets"})) {
    for (const Json& address : member(subset, {"addresses"})) {
      for (const Json& port : member(subset, {"ports"})) {
        out += fmt::format("{}{}:{}", out.empty() ? "" : ",", text(address, {"ip"}),
                           integer(port, {"port"}));
      }
    }
  }
  return or_none(out);
}

Json slice_list(const Json& slice, const Now&) {
  std::string out;
  for (const Json& endpoint : member(slice, {"endpoints"})) {
    for (const Json& address : member(endpoint, {"addresses"})) {
      out += (out.empty() ? "" : ",") + address.get<std::string>();
    }
  }
  return or_none(out);
}

}  // namespace

Column age_column() {
  return {"Age", "string", 0, [](const Json& object, const Now& now) {
            return Json(age_of(member(object, {"metadata", "creationTimestamp"}), now));
          }};
}

Columns builtin_columns(const std::string& kind) {
  static const std::map<std::string, Columns> kColumns = {
      {"Pod", pod_columns()},
      {"StatefulSet", stateful_set_columns()},
      {"Service", service_columns()},
      {"PersistentVolumeClaim", claim_columns()},
      {"Event", event_columns()},
      {"PodDisruptionBudget", budget_columns()},
      {"Node", node_columns()},
      {"ConfigMap", {name_column(), {"Data", "string", 0, data_count}, age_column()}},
      {"Secret",
       {name_column(),
        {"Type", "string", 0, at({"type"})},
        {"Data", "string", 0, data_count},
        age_column()}},
      {"Namespace",
       {name_column(), {"Status", "string", 0, at({"status", "phase"})}, age_column()}},
      {"Lease",
       {name_column(), {"Holder", "string", 0, at({"spec", "holderIdentity"})}, age_column()}},
      {"Endpoints", {name_column(), {"Endpoints", "string", 0, endpoint_list}, age_column()}},
      {"EndpointSlice",
       {name_column(),
        {"AddressType", "string", 0, at({"addressType"})},
        {"Endpoints", "string", 0, slice_list},
        age_column()}},
      {"ControllerRevision",
       {name_column(), {"Revision", "string", 0, at({"revision"})}, age_column()}},
      {"CustomResourceDefinition",
       {name_column(), {"Created At", "string", 0, at({"metadata", "creationTimestamp"})}}},
  };
  const auto found = kColumns.find(kind);
  return found == kColumns.end() ? Columns{name_column(), age_column()} : found->second;
}

}  // namespace natrix::http_front
