#include "operator/local/http_front/discovery.h"

#include <fmt/format.h>

#include <set>

namespace natrix::http_front {

namespace {

const Json& all_verbs() {
  static const Json kVerbs = {"create", "delete", "deletecollection", "get",
                              "list",   "patch",  "update",           "watch"};
  return kVerbs;
}

Json resource_entry(const memory_api::TypeInfo& type) {
  Json out = {{"name", type.type.plural},
              {"singularName", type.singular},
              {"namespaced", type.type.namespaced},
              {"kind", type.type.kind},
              {"verbs", all_verbs()}};
  if (!type.short_names.empty()) out["shortNames"] = type.short_names;
  if (!type.categories.empty()) out["categories"] = type.categories;
  return out;
}

Json subresource_entry(const memory_api::TypeInfo& type, const std::string& name,
                       const std::string& kind, const Json& verbs) {
  return {{"name", type.type.plural + "/" + name},
          {"singularName", ""},
          {"namespaced", type.type.namespaced},
          {"kind", kind},
          {"verbs", verbs}};
}

Json resource_list(const std::string& group_version, const std::vector<TypePtr>& types) {
  Json resources = Json::array();
  for (const TypePtr& type : types) {
    if (type->api_version() != group_version) continue;
    resources.push_back(resource_entry(*type));
    const Json write = {"get", "patch", "update"};
    if (type->has_status) {
      resources.push_back(subresource_entry(*type, "status", type->type.kind, write));
    }
    if (type->scale) {
      Json scale = subresource_entry(*type, "scale", "Scale", write);
      scale["group"] = "autoscaling";
      scale["version"] = "v1";
      resources.push_back(std::move(scale));
    }
    if (type->storage == "pods") {
      resources.push_back(subresource_entry(*type, "log", "Pod", {"get"}));
    }
  }
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", group_version},
          {"resources", resources}};
}

Json group_entry(const std::string& group, const std::set<std::string>& versions) {
  Json list = Json::array();
  for (const std::string& version : versions) {
    list.push_back({{"groupVersion", group + "/" + version}, {"version", version}});
  }
  return {{"name", group}, {"versions", list}, {"preferredVersion", list[0]}};
}

}  // namespace

Json version_info() {
  return {{"major", "1"},
          {"minor", kMinorVersion},
          {"gitVersion", fmt::format("v1.{}.0+natrix-local", kMinorVersion)},
          {"gitCommit", ""},
          {"gitTreeState", "clean"},
          {"buildDate", "1970-01-01T00:00:00Z"},
          {"goVersion", ""},
          {"compiler", "g++"},
          {"platform", "linux"}};
}

std::optional<Json> discovery_document(const std::string& path, const std::vector<TypePtr>& types) {
  if (path == "/api") {
    return Json{{"kind", "APIVersions"},
                {"apiVersion", "v1"},
                {"versions", {"v1"}},
                {"serverAddressByClientCIDRs", Json::array()}};
  }
  std::map<std::string, std::set<std::string>> groups;
  for (const TypePtr& type : types) {
    if (!type->type.group.empty()) groups[type->type.group].insert(type->type.version);
  }
  if (path == "/apis") {
    Json list = Json::array();
    for (const auto& [group, versions] : groups) list.push_back(group_entry(group, versions));
    return Json{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", list}};
  }
  if (path == "/api/v1") return resource_list("v1", types);
  if (!path.starts_with("/apis/")) return std::nullopt;
  const std::string rest = path.substr(6);
  const size_t slash = rest.find('/');
  const auto found = groups.find(rest.substr(0, slash));
  if (found == groups.end()) return std::nullopt;
  if (slash == std::string::npos) {
    Json entry = group_entry(found->first, found->second);
    entry["kind"] = "APIGroup";
    entry["apiVersion"] = "v1";
    return entry;
  }
  if (!found->second.contains(rest.substr(slash + 1))) return std::nullopt;
  return resource_list(rest, types);
}

}  // namespace natrix::http_front
