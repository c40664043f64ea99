// StatusError: a failed request in the terms of the Kubernetes API (metav1.Status), and how it
// looks to a caller of kube::Api.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "operator/kube/api.h"
#include "operator/local/memory_api/schema.h"

namespace natrix::memory_api {

struct StatusError {
  int code = 500;
  std::string reason;   // NotFound, AlreadyExists, Conflict, Invalid, Expired, ...
  std::string message;  // in the words of an API server
  Json details;         // null when there are none
  std::optional<std::chrono::milliseconds> retry_after;
};

template <class T>
using Outcome = Result<T, StatusError>;

// "natsclusters.natrix.dev", as messages name a resource.
std::string qualified(const kube::ResourceType& type);

StatusError not_found(const kube::ResourceType& type, const std::string& name);
StatusError already_exists(const kube::ResourceType& type, const std::string& name);
StatusError conflict(const kube::ResourceType& type, const std::string& name,
                     const std::string& why);
StatusError invalid(const kube::ResourceType& type, const std::string& name,
                    const std::vector<Cause>& causes);
StatusError bad_request(std::string message);
StatusError forbidden(const kube::ResourceType& type, const std::string& name,
                      const std::string& why);
StatusError expired(uint64_t asked, uint64_t oldest);
StatusError method_not_allowed(std::string message);

Json status_json(const StatusError& error);
kube::ApiError to_api_error(const StatusError& error, const std::string& what);

}  // namespace natrix::memory_api
