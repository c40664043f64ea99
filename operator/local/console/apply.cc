#include "operator/local/console/apply.h"

#include <fmt/format.h>

#include "operator/local/manifest/manifest.h"
#include "operator/local/memory_api/json_util.h"

namespace natrix::console {

using memory_api::text;

namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Result<std::string> apply_one(memory_api::ApiServer& server, Json object) {
  const std::string api_version = text(object, {"apiVersion"});
  const std::string kind = text(object, {"kind"});
  const memory_api::TypePtr type = server.find_kind(api_version, kind);
  if (!type) {
    return fail(fmt::format("kind {} of {} is not offered in local mode: take it out of the file",
                            kind, api_version));
  }
  memory_api::Target target{type, "", text(object, {"metadata", "name"}), ""};
  if (type->type.namespaced) {
    target.ns = text(object, {"metadata", "namespace"});
    if (target.ns.empty()) target.ns = "default";
    object["metadata"]["namespace"] = target.ns;
  }
  memory_api::PatchRequest request;
  request.kind = memory_api::PatchKind::kApply;
  request.patch = std::move(object);
  request.force = true;
  const auto written =
      server.patch(target, request, {"natrix-local", false, memory_api::FieldValidation::kStrict});
  if (!written) return fail(written.error().message);
  const std::string group = type->type.group.empty() ? "" : "." + type->type.group;
  return fmt::format("{}{}/{} {}", lower(kind), group, target.name,
                     written->created ? "created" : "configured");
}

}  // namespace

Result<std::vector<Document>> read_manifests(const std::vector<std::string>& paths) {
  std::vector<Document> out;
  for (const std::string& path : paths) {
    Result<std::vector<Json>> objects = manifest::read_manifest_file(path);
    if (!objects) return fail(objects.error().message);
    if (objects->empty()) return fail(fmt::format("{}: there is no object in it", path));
    for (size_t i = 0; i < objects->size(); ++i) {
      out.push_back({std::move((*objects)[i]), fmt::format("{}: object {}", path, i + 1)});
    }
  }
  return out;
}

Result<std::vector<std::string>> apply_all(memory_api::ApiServer& server,
                                           const std::vector<Document>& documents) {
  std::vector<std::string> out;
  for (const Document& document : documents) {
    Result<std::string> line = apply_one(server, document.object);
    if (!line) return fail(fmt::format("{}: {}", document.place, line.error().message));
    out.push_back(std::move(*line));
  }
  return out;
}

}  // namespace natrix::console
