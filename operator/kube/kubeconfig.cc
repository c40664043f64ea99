// The kubeconfig format: clusters, users and contexts by name, tied together by a context.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>

#include "operator/kube/base64.h"
#include "operator/kube/config.h"

namespace natrix::kube {
namespace {

namespace fs = std::filesystem;

// One named entry and the file that defined it.
struct Entry {
  YAML::Node body;
  std::string file;
};

struct Merged {
  std::vector<std::pair<std::string, YAML::Node>> files;
  std::string current_context;
};

std::string text_of(const YAML::Node& node, const char* key) {
  if (!node.IsMap()) return {};
  YAML::Node value = node[key];
  return value && value.IsScalar() ? value.Scalar() : std::string();
}

Result<Merged> read_files(const std::vector<std::string>& paths) {
  Merged merged;
  for (const std::string& path : paths) {
    YAML::Node root;
    try {
      root = YAML::LoadFile(path);
    } catch (const YAML::BadFile&) {
      return fail(fmt::format("{}: cannot be read; name the file with --kubeconfig", path));
    } catch (const YAML::Exception& error) {
      return fail(fmt::format("{}:{}: {}", path, error.mark.line + 1, error.msg));
    }
    if (!root.IsMap()) return fail(fmt::format("{}: is not a kubeconfig", path));
    if (merged.current_context.empty()) merged.current_context = text_of(root, "current-context");
    merged.files.emplace_back(path, root);
  }
  return merged;
}

// `list` is "clusters", "users" or "contexts", `kind` the key of its body.
Result<Entry> find_entry(const Merged& merged, const char* list, const char* kind,
                         const std::string& name) {
  for (const auto& [path, root] : merged.files) {
    YAML::Node entries = root[list];
    if (!entries || !entries.IsSequence()) continue;
    for (const YAML::Node& entry : entries) {
      if (text_of(entry, "name") != name) continue;
      YAML::Node body = entry[kind];
      if (body && body.IsMap()) return Entry{body, path};
      return Entry{YAML::Node(YAML::NodeType::Map), path};
    }
  }
  std::string where;
  for (const auto& [path, root] : merged.files) where += (where.empty() ? "" : ", ") + path;
  return fail(fmt::format("{}: no {} named \"{}\"", where, kind, name));
}

// `key` names a file, `key`-data holds the same in base64 and wins.
Result<Material> material(const Entry& entry, const std::string& key) {
  Material result;
  std::string data = text_of(entry.body, (key + "-data").c_str());
  if (!data.empty()) {
    std::optional<std::string> decoded = base64_decode(data);
    if (!decoded || decoded->empty()) {
      return fail(fmt::format("{}: {}-data is not valid base64", entry.file, key));
    }
    result.text = std::move(*decoded);
    return result;
  }
  std::string path = text_of(entry.body, key.c_str());
  if (!path.empty()) result.path = fs::path(entry.file).parent_path() / path;
  return result;
}

Result<void> refuse(const Entry& entry, const std::string& what, const char* key,
                    const char* remedy) {
  if (!entry.body[key]) return {};
  return fail(fmt::format("{}: {}: {} is not supported; {}", entry.file, what, key, remedy));
}

Result<void> apply_cluster(const Entry& entry, const std::string& name, ClusterConfig& config) {
  std::string what = fmt::format("cluster \"{}\"", name);
  auto proxy =
      refuse(entry, what, "proxy-url", "use a server address that can be reached directly");
  if (!proxy) return proxy;
  config.server = text_of(entry.body, "server");
  if (config.server.empty())
    return fail(fmt::format("{}: {}: server is missing", entry.file, what));
  config.tls_server_name = text_of(entry.body, "tls-server-name");
  config.insecure_skip_tls_verify = text_of(entry.body, "insecure-skip-tls-verify") == "true";
  auto ca = material(entry, "certificate-authority");
  if (!ca) return fail(ca.error().message);
  config.ca = *ca;
  if (config.insecure_skip_tls_verify && config.ca.given()) {
    return fail(
        fmt::format("{}: {}: certificate-authority and insecure-skip-tls-verify exclude "
                    "each other; remove one",
                    entry.file, what));
  }
  return {};
}

Result<void> refuse_foreign_auth(const Entry& entry, const std::string& what) {
  const char* use_token =
      "put a token, tokenFile or client certificate of a service account there instead "
      "(kubectl create token makes one)";
  const char* no_impersonation = "use credentials of the user itself";
  for (const char* key : {"exec", "auth-provider"}) {
    if (auto result = refuse(entry, what, key, use_token); !result) return result;
  }
  for (const char* key : {"as", "as-uid", "as-groups", "as-user-extra"}) {
    if (auto result = refuse(entry, what, key, no_impersonation); !result) return result;
  }
  return {};
}

Result<void> apply_user(const Entry& entry, const std::string& name, ClusterConfig& config) {
  std::string what = fmt::format("user \"{}\"", name);
  if (auto result = refuse_foreign_auth(entry, what); !result) return result;
  auto certificate = material(entry, "client-certificate");
  if (!certificate) return fail(certificate.error().message);
  auto key = material(entry, "client-key");
  if (!key) return fail(key.error().message);
  if (certificate->given() != key->given()) {
    return fail(
        fmt::format("{}: {}: client-certificate and client-key belong together; {} is "
                    "missing",
                    entry.file, what, key->given() ? "client-certificate" : "client-key"));
  }
  config.client_certificate = *certificate;
  config.client_key = *key;
  // As in kubectl, the file wins over the text: it can be renewed.
  std::string token_file = text_of(entry.body, "tokenFile");
  if (!token_file.empty()) {
    config.token.path = fs::path(entry.file).parent_path() / token_file;
  } else {
    config.token.text = text_of(entry.body, "token");
  }
  config.username = text_of(entry.body, "username");
  config.password = text_of(entry.body, "password");
  return {};
}

Result<ClusterConfig> resolve(const Merged& merged, const std::string& context) {
  auto chosen = find_entry(merged, "contexts", "context", context);
  if (!chosen) return fail(chosen.error().message + "; choose one with --context");
  ClusterConfig config;
  config.source = fmt::format("context {} of {}", context, chosen->file);
  if (std::string ns = text_of(chosen->body, "namespace"); !ns.empty()) config.ns = ns;

  std::string cluster_name = text_of(chosen->body, "cluster");
  auto cluster = find_entry(merged, "clusters", "cluster", cluster_name);
  if (!cluster) return fail(cluster.error().message);
  if (auto result = apply_cluster(*cluster, cluster_name, config); !result) {
    return fail(result.error().message);
  }
  std::string user_name = text_of(chosen->body, "user");
  if (user_name.empty()) return config;
  auto user = find_entry(merged, "users", "user", user_name);
  if (!user) return fail(user.error().message);
  if (auto result = apply_user(*user, user_name, config); !result) {
    return fail(result.error().message);
  }
  return config;
}

}  // namespace

Result<ClusterConfig> load_kubeconfig(const std::vector<std::string>& paths,
                                      const std::string& context) {
  auto merged = read_files(paths);
  if (!merged) return fail(merged.error().message);
  std::string name = context.empty() ? merged->current_context : context;
  if (name.empty()) {
    return fail(fmt::format("{}: has no current-context; choose a context with --context",
                            paths.empty() ? "kubeconfig" : paths.front()));
  }
  return resolve(*merged, name);
}

}  // namespace natrix::kube
