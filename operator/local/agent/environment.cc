#include "operator/local/agent/environment.h"

#include <cmath>

#include "operator/model/base64.h"

namespace natrix::agent {

using workload::member;
using workload::ns_of;
using workload::Objects;
using workload::text;

namespace {

// The decoded entries of a ConfigMap or Secret; nothing when it is not there.
std::optional<std::map<std::string, std::string>> read_source(const Objects& objects,
                                                              const kube::ResourceType& type,
                                                              const std::string& ns,
                                                              const std::string& name) {
  const std::optional<Json> object = objects.get(type, ns, name);
  if (!object) return std::nullopt;
  std::map<std::string, std::string> out;
  for (const auto& item : member(*object, {"data"}).items()) {
    const std::string value = item.value();
    out[item.key()] = type == kube::kSecrets ? model::base64_decode(value).value_or("") : value;
  }
  return out;
}

Result<std::optional<std::string>> from_key(const Objects& objects, const kube::ResourceType& type,
                                            const std::string& ns, const Json& reference) {
  const std::string name = text(reference, {"name"});
  const std::string key = text(reference, {"key"});
  const bool optional = reference.value("optional", false);
  const auto source = read_source(objects, type, ns, name);
  if (!source) {
    if (optional) return std::optional<std::string>();
    return fail(
        fmt::format("{} \"{}\" not found", type == kube::kSecrets ? "secret" : "configmap", name));
  }
  const auto found = source->find(key);
  if (found != source->end()) return std::optional(found->second);
  if (optional) return std::optional<std::string>();
  return fail(fmt::format("couldn't find key {} in {} {}/{}", key, type.kind, ns, name));
}

Result<std::string> resource_field(const Json& container, const Json& reference) {
  const std::string path = text(reference, {"resource"});
  const size_t dot = path.find('.');
  if (dot == std::string::npos) return fail("unsupported container resource: " + path);
  const std::string part = path.substr(0, dot);
  const std::string name = path.substr(dot + 1);
  const std::string amount = text(container, {"resources", part.c_str(), name.c_str()});
  Result<double> value = memory_api::quantity_value(amount.empty() ? "0" : amount);
  const std::string divisor = text(reference, {"divisor"});
  Result<double> by = memory_api::quantity_value(divisor.empty() || divisor == "0" ? "1" : divisor);
  if (!value || !by) return fail("not a quantity: " + amount);
  return fmt::format("{:.0f}", std::ceil(*value / *by));
}

Result<std::optional<std::string>> value_of(const Json& variable, const Json& pod,
                                            const Json& container, const Objects& objects,
                                            const Variables& known) {
  const Json& from = member(variable, {"valueFrom"});
  if (!from.is_object()) return std::optional(expand(text(variable, {"value"}), known));
  Result<std::string> found = fail("valueFrom names no source");
  if (from.contains("configMapKeyRef")) {
    return from_key(objects, kube::kConfigMaps, ns_of(pod), from["configMapKeyRef"]);
  }
  if (from.contains("secretKeyRef")) {
    return from_key(objects, kube::kSecrets, ns_of(pod), from["secretKeyRef"]);
  }
  if (from.contains("fieldRef")) found = pod_field(pod, text(from, {"fieldRef", "fieldPath"}));
  if (from.contains("resourceFieldRef"))
    found = resource_field(container, from["resourceFieldRef"]);
  if (!found) return fail(found.error().message);
  return std::optional(*found);
}

Result<void> add_sources(const Json& pod, const Json& container, const Objects& objects,
                         Variables& out) {
  for (const Json& from : member(container, {"envFrom"})) {
    for (const auto& [field, type] :
         {std::pair{"configMapRef", kube::kConfigMaps}, {"secretRef", kube::kSecrets}}) {
      if (!from.contains(field)) continue;
      const std::string name = text(from, {field, "name"});
      const auto source = read_source(objects, type, ns_of(pod), name);
      if (!source && !from[field].value("optional", false)) {
        return fail(fmt::format("{} \"{}\" not found",
                                type == kube::kSecrets ? "secret" : "configmap", name));
      }
      if (!source) continue;
      for (const auto& [key, value] : *source) out[text(from, {"prefix"}) + key] = value;
    }
  }
  return {};
}

}  // namespace

std::string expand(const std::string& text, const Variables& variables) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '$' || at + 1 == text.size()) {
      out += text[at];
      continue;
    }
    if (text[at + 1] == '$') {
      out += '$';
      ++at;
      continue;
    }
    const size_t close = text.find(')', at);
    const bool reference = text[at + 1] == '(' && close != std::string::npos;
    const auto found =
        reference ? variables.find(text.substr(at + 2, close - at - 2)) : variables.end();
    if (found == variables.end()) {
      out += text[at];
      continue;
    }
    out += found->second;
    at = close;
  }
  return out;
}

Result<std::string> pod_field(const Json& pod, const std::string& path) {
  static const std::map<std::string, std::vector<const char*>> kFields = {
      {"metadata.name", {"metadata", "name"}},
      {"metadata.namespace", {"metadata", "namespace"}},
      {"metadata.uid", {"metadata", "uid"}},
      {"spec.nodeName", {"spec", "nodeName"}},
      {"spec.serviceAccountName", {"spec", "serviceAccountName"}},
      {"status.hostIP", {"status", "hostIP"}},
      {"status.podIP", {"status", "podIP"}},
      {"status.podIPs", {"status", "podIP"}},
  };
  const auto found = kFields.find(path);
  if (found != kFields.end()) return text(pod, {found->second[0], found->second[1]});
  const size_t open = path.find("['");
  const std::string list = path.substr(0, open);
  if (open != std::string::npos && path.ends_with("']") &&
      (list == "metadata.labels" || list == "metadata.annotations")) {
    const std::string key = path.substr(open + 2, path.size() - open - 4);
    return text(pod,
                {"metadata", list == "metadata.labels" ? "labels" : "annotations", key.c_str()});
  }
  return fail(fmt::format("unsupported fieldPath: {}", path));
}

Result<Variables> container_variables(const Json& pod, const Json& container,
                                      const Objects& objects) {
  Variables out;
  if (Result<void> added = add_sources(pod, container, objects, out); !added) {
    return fail(added.error().message);
  }
  for (const Json& variable : member(container, {"env"})) {
    Result<std::optional<std::string>> value = value_of(variable, pod, container, objects, out);
    if (!value) return fail(value.error().message);
    if (*value) out[text(variable, {"name"})] = **value;
  }
  return out;
}

std::vector<std::string> command_line(const Json& container, const Variables& variables,
                                      const std::string& program) {
  std::vector<std::string> out;
  for (const Json& word : member(container, {"command"})) out.push_back(expand(word, variables));
  if (out.empty()) out.push_back(program);
  for (const Json& word : member(container, {"args"})) out.push_back(expand(word, variables));
  return out;
}

}  // namespace natrix::agent
