// The environment and the command line of a container: values from ConfigMaps, Secrets and the pod
// itself, $(NAME) expanded as the kubelet does.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/local/workload/objects.h"

namespace natrix::agent {

using kube::Json;

using Variables = std::map<std::string, std::string>;

// "$(NAME)" becomes the value of NAME, "$$(NAME)" becomes "$(NAME)", unknown names stay as they
// are.
std::string expand(const std::string& text, const Variables& variables);

// A field of the pod by its downward API path: "metadata.name", "status.podIP",
// "metadata.labels['x']" ... The error names the path.
Result<std::string> pod_field(const Json& pod, const std::string& path);

// What env and envFrom of the container say. The error is what keeps the container from starting
// ("secret \"x\" not found"), for its status.
Result<Variables> container_variables(const Json& pod, const Json& container,
                                      const workload::Objects& objects);

// command and args, expanded; `program` stands where the image would have its own entry point.
std::vector<std::string> command_line(const Json& container, const Variables& variables,
                                      const std::string& program);

}  // namespace natrix::agent
