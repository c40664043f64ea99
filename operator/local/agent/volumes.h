// The volumes of a pod as directories: ConfigMaps, Secrets and projections are written out and kept
// up to date, claims are directories that outlive the pod, emptyDirs go with it.
//
// One Volumes per pod, used by the pod's thread. Content is switched in one step (a symbolic link
// to a new directory), so a reader never sees half of a change.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/local/agent/localize.h"
#include "operator/local/workload/objects.h"

namespace natrix::agent {

using kube::Json;

class Volumes {
 public:
  // Volumes live below `pod_directory`, claims below `claims_directory`/<namespace>/<claim>.
  Volumes(const Json& pod, std::string pod_directory, std::string claims_directory);

  // Mount path -> directory, for every container of the pod; known before anything is written.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> mounts(
      const Json& container) const;

  // Writes what is missing or has changed. The error says what keeps the pod from starting, in the
  // words of a kubelet ("configmap \"x\" not found").
  Result<void> refresh(const Json& pod, const workload::Objects& objects,
                       const Localizer& localizer);

 private:
  using Files = std::map<std::string, std::string>;  // relative path -> content

  [[nodiscard]] std::string directory(const Json& volume) const;
  Result<void> refresh_one(const Json& volume, const Json& pod, const workload::Objects& objects,
                           const Localizer& localizer);
  [[nodiscard]] Result<void> prepare_sub_paths(const Json& container) const;
  Result<void> write(const std::string& name, const std::string& directory, const Files& files);

  std::string ns_;
  std::string pod_directory_;
  std::string claims_directory_;
  Json volumes_;
  std::map<std::string, Files> written_;  // what each volume holds
  uint64_t generation_ = 0;
};

}  // namespace natrix::agent
