#include "operator/kube/config.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace natrix::kube {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// $KUBECONFIG is a list; entries that do not exist are skipped, as kubectl does.
std::vector<std::string> split_existing(const std::string& list) {
  std::vector<std::string> paths;
  size_t start = 0;
  while (start <= list.size()) {
    size_t end = std::min(list.find(':', start), list.size());
    std::string path = list.substr(start, end - start);
    if (!path.empty() && fs::exists(path)) paths.push_back(path);
    start = end + 1;
  }
  return paths;
}

}  // namespace

bool running_in_cluster() {
  return !environment("KUBERNETES_SERVICE_HOST").empty() &&
         fs::exists(fs::path(kAccountFolder) / "token");
}

Result<ClusterConfig> load_in_cluster() {
  std::string host = environment("KUBERNETES_SERVICE_HOST");
  std::string port = environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return fail("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: not in a pod");
  }
  ClusterConfig config;
  config.source = "the pod's service account";
  // The transport cannot dial a literal IPv6 address; the Service's name is in the certificate too.
  if (host.find(':') != std::string::npos) host = "kubernetes.default.svc";
  config.server = fmt::format("https://{}:{}", host, port);
  fs::path folder = kAccountFolder;
  config.ca.path = folder / "ca.crt";
  config.token.path = folder / "token";
  std::ifstream ns(folder / "namespace");
  if (std::string name; std::getline(ns, name) && !name.empty()) config.ns = name;
  return config;
}

Result<ClusterConfig> discover_config(const std::string& kubeconfig, const std::string& context) {
  if (!kubeconfig.empty()) return load_kubeconfig({kubeconfig}, context);
  std::string list = environment("KUBECONFIG");
  if (!list.empty()) {
    std::vector<std::string> paths = split_existing(list);
    if (paths.empty()) return fail(fmt::format("KUBECONFIG={}: no such file", list));
    return load_kubeconfig(paths, context);
  }
  if (running_in_cluster() && context.empty()) return load_in_cluster();
  std::string home = environment("HOME");
  fs::path usual = fs::path(home) / ".kube" / "config";
  if (!home.empty() && fs::exists(usual)) return load_kubeconfig({usual}, context);
  return fail(
      "no Kubernetes API server known: not in a pod, no KUBECONFIG and no ~/.kube/config; name a "
      "file with --kubeconfig");
}

}  // namespace natrix::kube
