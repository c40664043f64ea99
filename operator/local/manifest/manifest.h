// Manifests: YAML streams (JSON is YAML too) as JSON documents, with the scalar rules that kubectl
// has: yes/no/on/off are booleans, 0644 is octal, quoted text is always text.
//
// Pure; safe from any thread. Aliases are expanded within a bound, so that no text of a few bytes
// fills the memory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "operator/kube/api.h"

namespace natrix::manifest {

using kube::Json;

// Empty documents are left out. The error names line and column.
Result<std::vector<Json>> parse_documents(std::string_view text);

// As kubectl apply -f: every document must be an object with apiVersion, kind and metadata.name;
// a List is taken apart. The error names the file and the document.
Result<std::vector<Json>> read_manifest_file(const std::string& path);

}  // namespace natrix::manifest
