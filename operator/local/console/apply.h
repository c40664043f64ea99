// kubectl apply -f for the manifests named on the command line.
#pragma once

#include <string>
#include <vector>

#include "operator/local/memory_api/server.h"

namespace natrix::console {

using kube::Json;

// An object and where it was read: "cluster.yaml: document 2".
struct Document {
  Json object;
  std::string place;
};

// All objects of the files in order. The error names file, document and what is wrong.
Result<std::vector<Document>> read_manifests(const std::vector<std::string>& paths);

// Server-side apply of each in order; namespaced objects without a namespace go to "default".
// Returns one line for each: "natscluster.natrix.dev/nats created". The error names the place; what
// stands before it has been applied. Fields that no schema knows are errors.
Result<std::vector<std::string>> apply_all(memory_api::ApiServer& server,
                                           const std::vector<Document>& documents);

}  // namespace natrix::console
