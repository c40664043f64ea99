// Where the API server is and who we are there: read from a kubeconfig or from the pod we run in.
// Immutable after loading.
#pragma once

#include <string>
#include <vector>

#include "broker/base/result.h"

namespace natrix::kube {

// Text given in place, or a file that is read again when it may have changed. Both empty: absent.
struct Material {
  std::string text;
  std::string path;
  [[nodiscard]] bool given() const { return !text.empty() || !path.empty(); }
};

struct ClusterConfig {
  std::string source;           // "context prod of /home/me/.kube/config", for messages
  std::string server;           // URL
  std::string tls_server_name;  // empty: the host of `server`
  bool insecure_skip_tls_verify = false;
  Material ca;
  Material client_certificate;
  Material client_key;
  Material token;
  std::string username;
  std::string password;
  std::string ns = "default";  // where we are when nothing else says
};

// `context` empty: the file's current-context. Several paths are merged as kubectl does: the first
// file that defines a name wins. Relative file names inside are relative to their kubeconfig. What
// we cannot honour (exec plugins, auth providers, impersonation, proxies) is refused by name.
Result<ClusterConfig> load_kubeconfig(const std::vector<std::string>& paths,
                                      const std::string& context);

// From the service account files and KUBERNETES_SERVICE_HOST/PORT of a pod.
Result<ClusterConfig> load_in_cluster();
bool running_in_cluster();

// `kubeconfig` (the flag) if given, then $KUBECONFIG, then the pod, then ~/.kube/config.
Result<ClusterConfig> discover_config(const std::string& kubeconfig, const std::string& context);

}  // namespace natrix::kube
