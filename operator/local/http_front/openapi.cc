#include "operator/local/http_front/openapi.h"

#include <fmt/format.h>

#include <set>

namespace natrix::http_front {

namespace {

std::string document_path(const memory_api::TypeInfo& type) {
  return type.type.group.empty() ? "api/" + type.type.version : "apis/" + type.api_version();
}

Json query_parameter(const char* name, const char* description) {
  return {{"name", name},
          {"in", "query"},
          {"description", description},
          {"schema", {{"type", "string"}, {"uniqueItems", true}}}};
}

// What kubectl looks for before it sends fieldValidation or dryRun.
Json patch_operation(const memory_api::TypeInfo& type) {
  return {{"operationId", fmt::format("patch{}", type.type.kind)},
          {"parameters",
           {query_parameter("dryRun", "All: check, default and answer, but store nothing"),
            query_parameter("fieldManager", "who owns the fields that are written"),
            query_parameter("fieldValidation",
                            "Ignore, Warn or Strict: what to do about unknown "
                            "fields"),
            query_parameter("force", "server-side apply: take fields over")}},
          {"responses", {{"200", {{"description", "OK"}}}}},
          {"x-kubernetes-action", "patch"},
          {"x-kubernetes-group-version-kind", kind_extension(type)}};
}

}  // namespace

std::string schema_name(const memory_api::TypeInfo& type) {
  std::string name;
  std::string group = type.type.group.empty() ? "core" : type.type.group;
  for (size_t dot = 0; dot != std::string::npos;) {
    dot = group.find('.');
    name = group.substr(0, dot) + "." + name;
    group = dot == std::string::npos ? "" : group.substr(dot + 1);
  }
  return name + type.type.version + "." + type.type.kind;
}

Json kind_extension(const memory_api::TypeInfo& type) {
  return {{"group", type.type.group}, {"version", type.type.version}, {"kind", type.type.kind}};
}

std::string object_path(const memory_api::TypeInfo& type) {
  const std::string scope = type.type.namespaced ? "/namespaces/{namespace}" : "";
  return fmt::format("/{}{}/{}/{{name}}", document_path(type), scope, type.type.plural);
}

Json kind_schema(const memory_api::TypeInfo& type) {
  Json schema = memory_api::schema_to_openapi(*type.schema);
  schema["properties"]["apiVersion"] = {{"type", "string"}};
  schema["properties"]["kind"] = {{"type", "string"}};
  schema["x-kubernetes-group-version-kind"] = Json::array({kind_extension(type)});
  return schema;
}

Json openapi_index(const std::vector<TypePtr>& types) {
  Json paths = Json::object();
  for (const TypePtr& type : types) {
    const std::string path = document_path(*type);
    paths[path] = {{"serverRelativeURL", "/openapi/v3/" + path}};
  }
  return {{"paths", paths}};
}

std::optional<Json> openapi_document(const std::string& path, const std::vector<TypePtr>& types) {
  Json document = {{"openapi", "3.0.0"},
                   {"info", {{"title", "natrix-operator local"}, {"version", "v1"}}},
                   {"paths", Json::object()},
                   {"components", {{"schemas", Json::object()}}}};
  bool found = false;
  for (const TypePtr& type : types) {
    if (document_path(*type) != path) continue;
    found = true;
    document["components"]["schemas"][schema_name(*type)] = kind_schema(*type);
    document["paths"][object_path(*type)] = {{"patch", patch_operation(*type)}};
  }
  if (!found) return std::nullopt;
  return document;
}

}  // namespace natrix::http_front
