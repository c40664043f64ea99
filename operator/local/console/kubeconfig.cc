#include "operator/local/console/kubeconfig.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace natrix::console {

namespace {

constexpr const char* kTemplate = R"(apiVersion: v1
kind: Config
current-context: natrix-local
clusters:
- name: natrix-local
  cluster: {{server: "{}"}}
contexts:
- name: natrix-local
  context: {{cluster: natrix-local, namespace: default, user: natrix-local}}
users:
- name: natrix-local
  user: {{}}
)";

}  // namespace

Result<void> write_kubeconfig(const std::string& path, const std::string& server_url) {
  const std::string fresh = path + ".new";
  std::ofstream file(fresh, std::ios::trunc);
  file << fmt::format(kTemplate, server_url);
  file.close();
  if (!file || std::rename(fresh.c_str(), path.c_str()) != 0) {
    return fail(fmt::format("{}: cannot be written: {}", path, std::strerror(errno)));
  }
  return {};
}

}  // namespace natrix::console
