#include "operator/local/memory_api/types.h"

#include "operator/local/memory_api/builtin_schema.h"

namespace natrix::memory_api {

namespace {

struct Builtin {
  const char* group;
  const char* version;
  const char* plural;
  const char* kind;
  const char* short_names;  // blank separated
  const char* fields;       // selectable, blank separated
  bool namespaced = true;
  bool has_status = false;
  bool has_generation = false;
  const char* schema = nullptr;  // when not named after the kind
};

constexpr const char* kPodFields =
    "spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName spec.hostNetwork "
    "status.phase status.podIP status.nominatedNodeName";
constexpr const char* kEventFields =
    "involvedObject.kind involvedObject.namespace involvedObject.name involvedObject.uid "
    "involvedObject.apiVersion involvedObject.resourceVersion involvedObject.fieldPath reason "
    "reportingComponent source type";
constexpr const char* kEventV1Fields =
    "regarding.kind regarding.namespace regarding.name regarding.uid regarding.apiVersion "
    "regarding.resourceVersion regarding.fieldPath reason reportingController type";

constexpr Builtin kBuiltins[] = {
    {"", "v1", "namespaces", "Namespace", "ns", "status.phase", false, true},
    {"", "v1", "nodes", "Node", "no", "spec.unschedulable", false, true},
    {"", "v1", "pods", "Pod", "po", kPodFields, true, true},
    {"", "v1", "services", "Service", "svc", "spec.clusterIP spec.type", true, true},
    {"", "v1", "endpoints", "Endpoints", "ep", ""},
    {"", "v1", "configmaps", "ConfigMap", "cm", ""},
    {"", "v1", "secrets", "Secret", "", "type"},
    {"", "v1", "serviceaccounts", "ServiceAccount", "sa", ""},
    {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc", "", true, true},
    {"", "v1", "events", "Event", "ev", kEventFields},
    {"events.k8s.io", "v1", "events", "Event", "ev", kEventV1Fields, true, false, false, "EventV1"},
    {"apps", "v1", "statefulsets", "StatefulSet", "sts", "", true, true, true},
    {"apps", "v1", "controllerrevisions", "ControllerRevision", "", ""},
    {"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", "", true, true, true},
    {"networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "netpol", "", true, false,
     true},
    {"coordination.k8s.io", "v1", "leases", "Lease", "", ""},
    {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "", "", true, false, true},
    {"apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",
     "crd crds", "", false, true, true},
};

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t blank = text.find(' ');
    out.emplace_back(text.substr(0, blank));
    text = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
  }
  return out;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

TypePtr make_builtin(const Builtin& row) {
  auto info = std::make_shared<TypeInfo>();
  info->type = {row.group, row.version, row.plural, row.kind, row.namespaced};
  info->singular = lower(row.kind);
  info->list_kind = std::string(row.kind) + "List";
  info->short_names = words(row.short_names);
  info->storage = row.kind == std::string_view("Event") ? "events" : qualified(info->type);
  info->schema = builtin_schema(row.schema == nullptr ? row.kind : row.schema);
  info->has_status = row.has_status;
  info->has_generation = row.has_generation;
  info->selectable_fields = words(row.fields);
  const std::string_view plural = row.plural;
  if (plural == "pods" || plural == "services" || plural == "statefulsets") {
    info->categories = {"all"};
  }
  if (plural == "statefulsets") info->scale = {"/spec/replicas", "/status/replicas", ""};
  return info;
}

// ".spec.replicas" as a JSON pointer.
std::string pointer_of(const std::string& path) {
  std::string out = path;
  std::replace(out.begin(), out.end(), '.', '/');
  return out.starts_with('/') ? out : "/" + out;
}

// The root of a custom resource: apiVersion, kind and metadata are the API server's own.
Result<SchemaPtr> custom_schema(const Json& version) {
  const Json openapi = version.value("/schema/openAPIV3Schema"_json_pointer, Json());
  if (!openapi.is_object()) return fail("schema.openAPIV3Schema: Required value");
  Result<SchemaPtr> parsed = schema_from_openapi(openapi);
  if (!parsed) return parsed;
  auto root = std::make_shared<Schema>(**parsed);
  if (root->shape != Shape::kObject) return fail("openAPIV3Schema.type: must be object");
  std::erase_if(root->fields, [](const auto& field) {
    return field.first == "metadata" || field.first == "apiVersion" || field.first == "kind";
  });
  auto text = std::make_shared<Schema>();
  text->shape = Shape::kString;
  root->fields.insert(
      root->fields.begin(),
      {{"apiVersion", text}, {"kind", text}, {"metadata", builtin_schema("ObjectMeta")}});
  return SchemaPtr(root);
}

void read_subresources(const Json& version, TypeInfo& info) {
  const Json subresources = version.value("subresources", Json::object());
  info.has_status = subresources.contains("status");
  if (const auto scale = subresources.find("scale"); scale != subresources.end()) {
    info.scale = {pointer_of(scale->value("specReplicasPath", "")),
                  pointer_of(scale->value("statusReplicasPath", "")), ""};
    if (const std::string path = scale->value("labelSelectorPath", ""); !path.empty()) {
      info.scale->selector = pointer_of(path);
    }
  }
  info.printer_columns = version.value("additionalPrinterColumns", Json::array());
  for (const Json& field : version.value("selectableFields", Json::array())) {
    info.selectable_fields.push_back(field.value("jsonPath", ".").substr(1));
  }
}

void check_definition(const Json& definition, std::vector<Cause>& causes) {
  const Json spec = definition.value("spec", Json::object());
  const Json names = spec.value("names", Json::object());
  for (const char* name : {"plural", "kind"}) {
    if (!names.contains(name)) {
      causes.push_back(
          {fmt::format("spec.names.{}", name), "FieldValueRequired", "Required value"});
    }
  }
  const std::string scope = spec.value("scope", "");
  if (scope != "Namespaced" && scope != "Cluster") {
    causes.push_back({"spec.scope", "FieldValueNotSupported",
                      fmt::format("Unsupported value: \"{}\": supported values: \"Cluster\", "
                                  "\"Namespaced\"",
                                  scope)});
  }
  const std::string wanted = names.value("plural", "") + "." + spec.value("group", "");
  const std::string name = definition.value("/metadata/name"_json_pointer, "");
  if (name != wanted) {
    causes.push_back(
        {"metadata.name", "FieldValueInvalid",
         fmt::format("Invalid value: \"{}\": must be spec.names.plural+\".\"+spec.group", name)});
  }
  const Json versions = spec.value("versions", Json::array());
  const auto stored = std::count_if(versions.begin(), versions.end(), [](const Json& version) {
    return version.value("storage", false);
  });
  if (stored != 1) {
    causes.push_back({"spec.versions", "FieldValueInvalid",
                      "Invalid value: must have exactly one version marked as storage version"});
  }
  if (spec.value("/conversion/strategy"_json_pointer, "None") != "None") {
    causes.push_back({"spec.conversion.strategy", "FieldValueNotSupported",
                      "Unsupported value: the embedded API server converts by \"None\" only"});
  }
}

Json rename(Json object, std::initializer_list<std::pair<const char*, const char*>> names) {
  for (const auto& [from, to] : names) {
    const auto found = object.find(from);
    if (found == object.end()) continue;
    Json value = std::move(*found);
    object.erase(found);
    object[to] = std::move(value);
  }
  return object;
}

}  // namespace

TypeTable::TypeTable() {
  for (const Builtin& row : kBuiltins) types_.push_back(make_builtin(row));
}

TypePtr TypeTable::find(const std::string& group, const std::string& version,
                        const std::string& plural) const {
  for (const TypePtr& info : types_) {
    if (info->type.group == group && info->type.version == version && info->type.plural == plural) {
      return info;
    }
  }
  return nullptr;
}

TypePtr TypeTable::find_kind(const std::string& api_version, const std::string& kind) const {
  for (const TypePtr& info : types_) {
    if (info->api_version() == api_version && info->type.kind == kind) return info;
  }
  return nullptr;
}

TypePtr TypeTable::by_storage(const std::string& storage) const {
  for (const TypePtr& info : types_) {
    if (info->storage == storage) return info;
  }
  return nullptr;
}

Result<void, std::vector<Cause>> TypeTable::serve(const Json& definition) {
  try {
    return serve_checked(definition);
  } catch (const Json::exception& error) {
    return fail_with(std::vector<Cause>{
        {"spec", "FieldValueTypeInvalid", fmt::format("Invalid value: {}", error.what())}});
  }
}

Result<void, std::vector<Cause>> TypeTable::serve_checked(const Json& definition) {
  std::vector<Cause> causes;
  check_definition(definition, causes);
  if (!causes.empty()) return fail_with(causes);
  const Json& spec = definition["spec"];
  const Json& names = spec["names"];
  std::vector<TypePtr> made;
  for (size_t i = 0; i < spec["versions"].size(); ++i) {
    const Json& version = spec["versions"][i];
    Result<SchemaPtr> schema = custom_schema(version);
    if (!schema) {
      causes.push_back({fmt::format("spec.versions[{}]", i), "FieldValueInvalid",
                        "Invalid value: " + schema.error().message});
      continue;
    }
    auto info = std::make_shared<TypeInfo>();
    info->type = {spec.value("group", ""), version.value("name", ""), names.value("plural", ""),
                  names.value("kind", ""), spec.value("scope", "") == "Namespaced"};
    info->singular = names.value("singular", lower(info->type.kind));
    info->list_kind = names.value("listKind", info->type.kind + "List");
    info->short_names = names.value("shortNames", std::vector<std::string>());
    info->categories = names.value("categories", std::vector<std::string>());
    info->storage = qualified(info->type);
    info->schema = *schema;
    info->builtin = false;
    info->has_generation = true;
    read_subresources(version, *info);
    if (version.value("served", false)) made.push_back(std::move(info));
  }
  if (!causes.empty()) return fail_with(causes);
  withdraw(definition["metadata"]["name"].get<std::string>());
  types_.insert(types_.end(), made.begin(), made.end());
  return {};
}

void TypeTable::withdraw(const std::string& storage) {
  std::erase_if(types_,
                [&](const TypePtr& info) { return !info->builtin && info->storage == storage; });
}

Json from_storage(const TypeInfo& type, Json object) {
  object["apiVersion"] = type.api_version();
  object["kind"] = type.type.kind;
  if (type.type.group != "events.k8s.io") return object;
  return rename(std::move(object), {{"involvedObject", "regarding"},
                                    {"message", "note"},
                                    {"reportingComponent", "reportingController"},
                                    {"source", "deprecatedSource"},
                                    {"firstTimestamp", "deprecatedFirstTimestamp"},
                                    {"lastTimestamp", "deprecatedLastTimestamp"},
                                    {"count", "deprecatedCount"}});
}

Json to_storage(const TypeInfo& type, Json object) {
  if (type.type.group != "events.k8s.io") return object;
  object["apiVersion"] = "v1";
  return rename(std::move(object), {{"regarding", "involvedObject"},
                                    {"note", "message"},
                                    {"reportingController", "reportingComponent"},
                                    {"deprecatedSource", "source"},
                                    {"deprecatedFirstTimestamp", "firstTimestamp"},
                                    {"deprecatedLastTimestamp", "lastTimestamp"},
                                    {"deprecatedCount", "count"}});
}

}  // namespace natrix::memory_api
