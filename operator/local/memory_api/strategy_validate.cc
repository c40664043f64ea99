// Rules of particular kinds: names, fields that may not change, relations between fields.
#include "operator/local/memory_api/json_util.h"
#include "operator/local/memory_api/selector.h"
#include "operator/local/memory_api/strategy.h"

namespace natrix::memory_api {

namespace {

constexpr size_t kMaxLabelLength = 63;
constexpr size_t kMaxNameLength = 253;
constexpr size_t kMaxAnnotationBytes = 256 * 1024;
constexpr size_t kMaxConfigBytes = 1024 * 1024;

bool alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool lower_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// RFC 1123: lower case letters, digits and '-', between letters or digits.
bool is_label(std::string_view text) {
  if (text.empty() || text.size() > kMaxLabelLength) return false;
  if (!lower_alphanumeric(text.front()) || !lower_alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return lower_alphanumeric(c) || c == '-'; });
}

bool is_subdomain(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameLength) return false;
  for (size_t start = 0; start <= text.size();) {
    size_t dot = text.find('.', start);
    if (dot == std::string_view::npos) dot = text.size();
    if (!is_label(text.substr(start, dot - start))) return false;
    start = dot + 1;
  }
  return true;
}

bool is_label_part(std::string_view text) {
  if (text.size() > kMaxLabelLength) return false;
  if (text.empty()) return true;
  if (!alphanumeric(text.front()) || !alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_qualified_name(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    if (!is_subdomain(text.substr(0, slash))) return false;
    text.remove_prefix(slash + 1);
  }
  return !text.empty() && is_label_part(text);
}

void required(std::vector<Cause>& causes, std::string field) {
  causes.push_back({std::move(field), "FieldValueRequired", "Required value"});
}

void invalid_value(std::vector<Cause>& causes, std::string field, const Json& value,
                   std::string_view why) {
  causes.push_back({std::move(field), "FieldValueInvalid",
                    fmt::format("Invalid value: {}: {}", value.dump(), why)});
}

void forbidden_field(std::vector<Cause>& causes, std::string field, std::string_view why) {
  causes.push_back({std::move(field), "FieldValueForbidden", fmt::format("Forbidden: {}", why)});
}

void check_labels(const Json& labels, const std::string& field, std::vector<Cause>& causes) {
  for (const auto& item : labels.items()) {
    if (!is_qualified_name(item.key())) {
      invalid_value(causes, field, item.key(),
                    "name part must consist of alphanumeric characters, '-', '_' or '.'");
    }
    if (item.value().is_string() && !is_label_part(item.value().get_ref<const std::string&>())) {
      invalid_value(causes, field, item.value(),
                    "a valid label must be an empty string or consist of alphanumeric characters, "
                    "'-', '_' or '.', at most 63 of them");
    }
  }
}

void check_annotations(const Json& annotations, std::vector<Cause>& causes) {
  size_t bytes = 0;
  for (const auto& item : annotations.items()) {
    bytes +=
        item.key().size() + (item.value().is_string() ? item.value().get<std::string>().size() : 0);
    if (!is_qualified_name(item.key())) {
      invalid_value(causes, "metadata.annotations", item.key(), "not a qualified name");
    }
  }
  if (bytes > kMaxAnnotationBytes) {
    causes.push_back({"metadata.annotations", "FieldValueTooLong",
                      fmt::format("Too long: may not be more than {} bytes", kMaxAnnotationBytes)});
  }
}

void check_containers(const Json& spec, const std::string& path, std::vector<Cause>& causes) {
  const Json containers = spec.value("containers", Json::array());
  if (containers.empty()) required(causes, path + ".containers");
  std::set<std::string> volumes;
  for (const Json& volume : spec.value("volumes", Json::array())) {
    volumes.insert(volume.value("name", ""));
  }
  for (size_t i = 0; i < containers.size(); ++i) {
    const std::string where = fmt::format("{}.containers[{}]", path, i);
    if (containers[i].value("image", "").empty()) required(causes, where + ".image");
    if (!is_label(containers[i].value("name", ""))) {
      invalid_value(causes, where + ".name", containers[i].value("name", ""),
                    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters "
                    "or '-'");
    }
    const Json mounts = containers[i].value("volumeMounts", Json::array());
    for (size_t k = 0; k < mounts.size(); ++k) {
      if (volumes.contains(mounts[k].value("name", ""))) continue;
      causes.push_back({fmt::format("{}.volumeMounts[{}].name", where, k), "FieldValueNotFound",
                        "Not found: " + mounts[k].value("name", Json()).dump()});
    }
  }
}

void validate_stateful_set(const Json& object, std::vector<Cause>& causes) {
  const Json& spec = object["spec"];
  Result<LabelSelector> selector = LabelSelector::from_json(spec.value("selector", Json()));
  const Json template_object = spec.value("template", Json::object());
  const Json labels = template_object.value("/metadata/labels"_json_pointer, Json::object());
  if (!selector) {
    invalid_value(causes, "spec.selector", spec["selector"], selector.error().message);
  } else if (spec.value("selector", Json::object()).empty()) {
    invalid_value(causes, "spec.selector", spec.value("selector", Json()),
                  "empty selector is invalid for statefulset");
  } else if (!selector->matches_labels(labels)) {
    invalid_value(causes, "spec.template.metadata.labels", labels,
                  "`selector` does not match template `labels`");
  }
  if (spec.value("replicas", 0) < 0) {
    invalid_value(causes, "spec.replicas", spec["replicas"], "must be greater than or equal to 0");
  }
  // Claims are mounted by name like volumes.
  Json pod_spec = template_object.value("spec", Json::object());
  for (const Json& claim : spec.value("volumeClaimTemplates", Json::array())) {
    pod_spec["volumes"].push_back({{"name", claim.value("/metadata/name"_json_pointer, "")}});
  }
  check_containers(pod_spec, "spec.template.spec", causes);
}

void validate_service(const Json& object, std::vector<Cause>& causes) {
  const Json& spec = object["spec"];
  const Json ports = spec.value("ports", Json::array());
  const std::string type = spec.value("type", "ClusterIP");
  if (type != "ClusterIP" && type != "NodePort" && type != "LoadBalancer" &&
      type != "ExternalName") {
    causes.push_back({"spec.type", "FieldValueNotSupported",
                      fmt::format("Unsupported value: \"{}\": supported values: \"ClusterIP\", "
                                  "\"ExternalName\", \"LoadBalancer\", \"NodePort\"",
                                  type)});
  }
  if (ports.empty() && type != "ExternalName" && spec.value("clusterIP", "") != "None") {
    required(causes, "spec.ports");
  }
  for (size_t i = 0; i < ports.size(); ++i) {
    const int64_t port = ports[i].value("port", int64_t{0});
    if (port < 1 || port > 65535) {
      invalid_value(causes, fmt::format("spec.ports[{}].port", i), port,
                    "must be between 1 and 65535, inclusive");
    }
    if (ports.size() > 1 && ports[i].value("name", "").empty()) {
      required(causes, fmt::format("spec.ports[{}].name", i));
    }
  }
}

void validate_budget(const Json& object, std::vector<Cause>& causes) {
  const Json& spec = object["spec"];
  if (spec.contains("minAvailable") && spec.contains("maxUnavailable")) {
    invalid_value(causes, "spec", spec, "minAvailable and maxUnavailable cannot be both set");
  }
}

void validate_data(const Json& object, std::vector<Cause>& causes) {
  size_t bytes = 0;
  for (const char* part : {"data", "binaryData"}) {
    for (const auto& item : member(object, {part}).items()) {
      bytes += item.value().is_string() ? item.value().get_ref<const std::string&>().size() : 0;
      const bool valid = !item.key().empty() && item.key().size() <= kMaxNameLength &&
                         std::all_of(item.key().begin(), item.key().end(), [](char c) {
                           return alphanumeric(c) || c == '-' || c == '_' || c == '.';
                         });
      if (!valid) {
        invalid_value(
            causes, fmt::format("{}[{}]", part, item.key()), item.key(),
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'");
      }
    }
  }
  if (bytes > kMaxConfigBytes) {
    causes.push_back({"data", "FieldValueTooLong",
                      fmt::format("Too long: may not be more than {} bytes", kMaxConfigBytes)});
  }
}

void validate_claim(const Json& object, std::vector<Cause>& causes) {
  const Json& spec = object["spec"];
  if (spec.value("accessModes", Json::array()).empty()) required(causes, "spec.accessModes");
  const auto size = spec.value("resources", Json::object()).value("requests", Json::object());
  if (!size.contains("storage")) required(causes, "spec.resources[storage]");
}

// Everything of `spec` but the named fields must be as it was.
bool same_except(const Json& live, const Json& object, std::initializer_list<const char*> names) {
  Json before = live;
  Json after = object;
  for (const char* name : names) {
    before.erase(name);
    after.erase(name);
  }
  return before == after;
}

void claim_update(const Json& live, const Json& object, std::vector<Cause>& causes) {
  if (!same_except(live["spec"], object["spec"],
                   {"resources", "volumeName", "volumeAttributesClassName"})) {
    forbidden_field(causes, "spec",
                    "spec is immutable after creation except resources.requests and "
                    "volumeAttributesClassName for bound claims");
  }
  const auto storage = "/resources/requests/storage"_json_pointer;
  Result<double> before = quantity_value(live["spec"].value(storage, "0"));
  Result<double> after = quantity_value(object["spec"].value(storage, "0"));
  if (before && after && *after < *before) {
    forbidden_field(causes, "spec.resources.requests.storage",
                    "field can not be less than status.capacity");
  }
}

void pod_update(const Json& live, const Json& object, std::vector<Cause>& causes) {
  Json before = live["spec"];
  Json after = object["spec"];
  for (Json* spec : {&before, &after}) {
    for (const char* list : {"containers", "initContainers"}) {
      if (!spec->contains(list)) continue;
      for (Json& container : (*spec)[list]) container.erase("image");
    }
  }
  if (before.value("nodeName", "").empty()) {
    before.erase("nodeName");
    after.erase("nodeName");
  }
  if (!same_except(before, after,
                   {"tolerations", "activeDeadlineSeconds", "terminationGracePeriodSeconds"})) {
    forbidden_field(
        causes, "spec",
        "pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
        "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds`");
  }
}

}  // namespace

void validate_metadata(const TypeInfo& type, const Json& object, std::vector<Cause>& causes) {
  const Json& metadata = object["metadata"];
  const std::string name = metadata.value("name", "");
  const std::string& kind = type.type.kind;
  const bool label = kind == "Service" || kind == "Namespace" || kind == "StatefulSet";
  if (name.empty()) {
    causes.push_back({"metadata.name", "FieldValueRequired",
                      "Required value: name or generateName is required"});
  } else if (kind != "Event" && !(label ? is_label(name) : is_subdomain(name))) {
    invalid_value(causes, "metadata.name", name,
                  fmt::format("a lowercase RFC 1123 {} must consist of lower case alphanumeric "
                              "characters{} or '-', and must start and end with an alphanumeric "
                              "character",
                              label ? "label" : "subdomain", label ? "" : ", '.'"));
  }
  check_labels(metadata.value("labels", Json::object()), "metadata.labels", causes);
  check_annotations(metadata.value("annotations", Json::object()), causes);
  int controllers = 0;
  for (const Json& owner : metadata.value("ownerReferences", Json::array())) {
    controllers += owner.value("controller", false) ? 1 : 0;
    for (const char* field : {"apiVersion", "kind", "name", "uid"}) {
      if (owner.value(field, "").empty()) {
        required(causes, fmt::format("metadata.ownerReferences.{}", field));
      }
    }
  }
  if (controllers > 1) {
    invalid_value(causes, "metadata.ownerReferences", metadata["ownerReferences"],
                  "Only one reference can have Controller set to true");
  }
}

void validate_object(const TypeInfo& type, const Json& object, std::vector<Cause>& causes) {
  if (!type.builtin) return;
  const std::string& kind = type.type.kind;
  if (kind == "Pod") check_containers(object["spec"], "spec", causes);
  if (kind == "StatefulSet") validate_stateful_set(object, causes);
  if (kind == "Service") validate_service(object, causes);
  if (kind == "PodDisruptionBudget") validate_budget(object, causes);
  if (kind == "ConfigMap" || kind == "Secret") validate_data(object, causes);
  if (kind == "PersistentVolumeClaim") validate_claim(object, causes);
}

void validate_update(const TypeInfo& type, const Json& live, const Json& object,
                     std::vector<Cause>& causes) {
  if (!type.builtin) return;
  const std::string& kind = type.type.kind;
  if (kind == "StatefulSet" &&
      !same_except(live["spec"], object["spec"],
                   {"replicas", "ordinals", "template", "updateStrategy", "minReadySeconds",
                    "revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy"})) {
    forbidden_field(causes, "spec",
                    "updates to statefulset spec for fields other than 'replicas', 'ordinals', "
                    "'template', 'updateStrategy', 'revisionHistoryLimit', "
                    "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
  }
  if (kind == "Service") {
    const Json before = live["spec"].value("clusterIP", Json(""));
    const Json after = object["spec"].value("clusterIP", Json(""));
    if (before != "" && before != after) {
      invalid_value(causes, "spec.clusterIPs[0]", after, "may not change once set");
    }
  }
  if (kind == "ConfigMap" || kind == "Secret") {
    if (live.value("immutable", false) &&
        (live.value("data", Json()) != object.value("data", Json()) ||
         !object.value("immutable", false))) {
      forbidden_field(causes, "data", "field is immutable when `immutable` is set");
    }
    if (kind == "Secret" && live.value("type", "") != object.value("type", "")) {
      invalid_value(causes, "type", object.value("type", Json()), "field is immutable");
    }
  }
  if (kind == "PersistentVolumeClaim") claim_update(live, object, causes);
  if (kind == "Pod") pod_update(live, object, causes);
}

}  // namespace natrix::memory_api
