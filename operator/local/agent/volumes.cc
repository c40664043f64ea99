#include "operator/local/agent/volumes.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "operator/local/agent/environment.h"
#include "operator/model/base64.h"

namespace natrix::agent {

namespace fs = std::filesystem;
using workload::member;
using workload::text;

namespace {

using Files = std::map<std::string, std::string>;

// A relative path that stays below its directory.
bool safe_path(const std::string& path) {
  if (path.empty() || path.front() == '/') return false;
  for (const fs::path& part : fs::path(path)) {
    if (part == "..") return false;
  }
  return true;
}

bool is_text(const std::string& content) {
  return content.find('\0') == std::string::npos;
}

// The entries of a ConfigMap or Secret as files, all or those that `items` picks.
Result<void> add_object(const workload::Objects& objects, const kube::ResourceType& type,
                        const std::string& ns, const std::string& name, const Json& source,
                        Files& out) {
  const bool optional = source.value("optional", false);
  const std::optional<Json> object = objects.get(type, ns, name);
  if (!object) {
    if (optional) return {};
    return fail(
        fmt::format("{} \"{}\" not found", type == kube::kSecrets ? "secret" : "configmap", name));
  }
  Files all;
  for (const char* part : {"data", "binaryData"}) {
    const bool encoded = type == kube::kSecrets || std::string_view(part) == "binaryData";
    for (const auto& item : member(*object, {part}).items()) {
      const std::string value = item.value();
      all[item.key()] = encoded ? model::base64_decode(value).value_or("") : value;
    }
  }
  const Json& items = member(source, {"items"});
  if (items.is_null()) {
    out.merge(all);
    return {};
  }
  for (const Json& item : items) {
    const auto found = all.find(text(item, {"key"}));
    if (found == all.end() && optional) continue;
    if (found == all.end()) {
      return fail(fmt::format("{} references non-existent key {}", name, text(item, {"key"})));
    }
    out[text(item, {"path"})] = found->second;
  }
  return {};
}

Result<void> add_downward(const Json& pod, const Json& source, Files& out) {
  for (const Json& item : member(source, {"items"})) {
    const std::string field = text(item, {"fieldRef", "fieldPath"});
    if (field.empty()) return fail("downwardAPI: only fieldRef is offered in local mode");
    if (field == "metadata.labels" || field == "metadata.annotations") {
      std::string lines;
      const char* part = field == "metadata.labels" ? "labels" : "annotations";
      for (const auto& entry : member(pod, {"metadata", part}).items()) {
        lines += fmt::format("{}={}\n", entry.key(), entry.value().dump());
      }
      out[text(item, {"path"})] = lines;
      continue;
    }
    Result<std::string> value = pod_field(pod, field);
    if (!value) return fail(value.error().message);
    out[text(item, {"path"})] = *value;
  }
  return {};
}

Result<void> add_projected(const Json& pod, const workload::Objects& objects, const Json& source,
                           Files& out) {
  const std::string ns = workload::ns_of(pod);
  for (const Json& one : member(source, {"sources"})) {
    Result<void> added = fail("projected: serviceAccountToken is not offered in local mode");
    if (one.contains("configMap")) {
      added = add_object(objects, kube::kConfigMaps, ns, text(one, {"configMap", "name"}),
                         one["configMap"], out);
    } else if (one.contains("secret")) {
      added = add_object(objects, kube::kSecrets, ns, text(one, {"secret", "name"}), one["secret"],
                         out);
    } else if (one.contains("downwardAPI")) {
      added = add_downward(pod, one["downwardAPI"], out);
    }
    if (!added) return added;
  }
  return {};
}

Result<void> make_directory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return fail(fmt::format("{}: {}", path, error.message()));
  return {};
}

}  // namespace

Volumes::Volumes(const Json& pod, std::string pod_directory, std::string claims_directory)
    : ns_(workload::ns_of(pod)),
      pod_directory_(std::move(pod_directory)),
      claims_directory_(std::move(claims_directory)),
      volumes_(member(pod, {"spec", "volumes"})) {}

std::string Volumes::directory(const Json& volume) const {
  if (volume.contains("persistentVolumeClaim")) {
    return fmt::format("{}/{}/{}", claims_directory_, ns_,
                       text(volume, {"persistentVolumeClaim", "claimName"}));
  }
  if (volume.contains("hostPath")) return text(volume, {"hostPath", "path"});
  return fmt::format("{}/volumes/{}", pod_directory_, text(volume, {"name"}));
}

std::vector<std::pair<std::string, std::string>> Volumes::mounts(const Json& container) const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Json& mount : member(container, {"volumeMounts"})) {
    for (const Json& volume : volumes_) {
      if (text(volume, {"name"}) != text(mount, {"name"})) continue;
      std::string real = directory(volume);
      if (const std::string sub = text(mount, {"subPath"}); safe_path(sub)) real += "/" + sub;
      std::string path = text(mount, {"mountPath"});
      while (path.size() > 1 && path.ends_with('/')) path.pop_back();
      out.emplace_back(path, real);
    }
  }
  return out;
}

Result<void> Volumes::refresh(const Json& pod, const workload::Objects& objects,
                              const Localizer& localizer) {
  for (const Json& volume : volumes_) {
    if (Result<void> done = refresh_one(volume, pod, objects, localizer); !done) {
      return fail(fmt::format("MountVolume.SetUp failed for volume \"{}\": {}",
                              text(volume, {"name"}), done.error().message));
    }
  }
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : member(pod, {"spec", list})) {
      if (Result<void> done = prepare_sub_paths(container); !done) return done;
    }
  }
  return {};
}

// A part of a volume that is not there yet is a directory to be.
Result<void> Volumes::prepare_sub_paths(const Json& container) const {
  for (const Json& mount : member(container, {"volumeMounts"})) {
    if (mount.contains("subPathExpr")) return fail("subPathExpr is not offered in local mode");
    const std::string sub = text(mount, {"subPath"});
    if (!sub.empty() && !safe_path(sub)) {
      return fail(fmt::format("subPath \"{}\" leads out of its volume", sub));
    }
  }
  for (const auto& [path, real] : mounts(container)) {
    std::error_code ignored;
    if (fs::exists(real, ignored)) continue;
    if (Result<void> made = make_directory(real); !made) return made;
  }
  return {};
}

Result<void> Volumes::refresh_one(const Json& volume, const Json& pod,
                                  const workload::Objects& objects, const Localizer& localizer) {
  const std::string where = directory(volume);
  if (volume.contains("emptyDir") || volume.contains("hostPath")) return make_directory(where);
  if (volume.contains("persistentVolumeClaim")) {
    const std::string claim = text(volume, {"persistentVolumeClaim", "claimName"});
    if (!objects.get(kube::kPersistentVolumeClaims, ns_, claim)) {
      return fail(fmt::format("persistentvolumeclaim \"{}\" not found", claim));
    }
    return make_directory(where);
  }
  Files files;
  Result<void> read = fail("this kind of volume is not offered in local mode");
  if (volume.contains("configMap")) {
    read = add_object(objects, kube::kConfigMaps, ns_, text(volume, {"configMap", "name"}),
                      volume["configMap"], files);
  } else if (volume.contains("secret")) {
    read = add_object(objects, kube::kSecrets, ns_, text(volume, {"secret", "secretName"}),
                      volume["secret"], files);
  } else if (volume.contains("projected")) {
    read = add_projected(pod, objects, volume["projected"], files);
  } else if (volume.contains("downwardAPI")) {
    read = add_downward(pod, volume["downwardAPI"], files);
  }
  if (!read) return read;
  for (auto& [path, content] : files) {
    if (!safe_path(path)) return fail(fmt::format("path \"{}\" leads out of the volume", path));
    if (is_text(content)) content = localizer.apply(content);
  }
  return write(text(volume, {"name"}), where, files);
}

// As a kubelet does it: files are links through "..data", which is a link to the newest directory.
Result<void> Volumes::write(const std::string& name, const std::string& directory,
                            const Files& files) {
  const auto before = written_.find(name);
  if (before != written_.end() && before->second == files) return {};
  try {
    const fs::path root(directory);
    const std::string fresh = fmt::format("..{}", ++generation_);
    for (const auto& [path, content] : files) {
      const fs::path file = root / fresh / path;
      fs::create_directories(file.parent_path());
      std::ofstream out(file, std::ios::binary);
      out.write(content.data(), static_cast<std::streamsize>(content.size()));
      if (!out.flush()) return fail(fmt::format("{}: cannot be written", file.string()));
      fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
    }
    fs::create_directories(root / fresh);
    const fs::path old = fs::is_symlink(root / "..data") ? fs::read_symlink(root / "..data") : "";
    fs::create_directory_symlink(fresh, root / "..data_tmp");
    fs::rename(root / "..data_tmp", root / "..data");
    for (const auto& [path, content] : files) {
      const std::string top = *fs::path(path).begin();
      if (!fs::exists(fs::symlink_status(root / top))) {
        fs::create_symlink(fs::path("..data") / top, root / top);
      }
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
      const std::string file = entry.path().filename();
      if (!file.starts_with("..") && !fs::exists(entry.path())) fs::remove(entry.path());
    }
    if (!old.empty()) fs::remove_all(root / old);
  } catch (const fs::filesystem_error& error) {
    return fail(error.what());
  }
  written_[name] = files;
  return {};
}

}  // namespace natrix::agent
