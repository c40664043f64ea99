// Objects: how the built-in controllers and the node agent read and write the API: without the
// ceremony of error handling, because they are level triggered. What fails now is tried again at
// the next pass; conflicts are normal.
//
// Safe from any thread, like the ApiServer it borrows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/kube/resources.h"
#include "operator/local/memory_api/json_util.h"
#include "operator/local/memory_api/server.h"

namespace natrix::workload {

using kube::Json;
using memory_api::integer;
using memory_api::member;
using memory_api::text;

inline const kube::ResourceType kControllerRevisions{"apps", "v1", "controllerrevisions",
                                                     "ControllerRevision", true};
inline const kube::ResourceType kEndpoints{"", "v1", "endpoints", "Endpoints", true};
inline const kube::ResourceType kEndpointSlices{"discovery.k8s.io", "v1", "endpointslices",
                                                "EndpointSlice", true};

inline std::string name_of(const Json& object) {
  return text(object, {"metadata", "name"});
}
inline std::string ns_of(const Json& object) {
  return text(object, {"metadata", "namespace"});
}
inline std::string uid_of(const Json& object) {
  return text(object, {"metadata", "uid"});
}
inline bool deleting(const Json& object) {
  return member(object, {"metadata"}).contains("deletionTimestamp");
}

// The status of a pod's condition is True.
bool pod_condition(const Json& pod, const char* type);
inline bool pod_ready(const Json& pod) {
  return pod_condition(pod, "Ready");
}

// The owner reference that makes `owner` the controller.
Json controller_reference(const Json& owner);
// The uid of the controller of an object, empty when it has none.
std::string controller_uid(const Json& object);

// Puts a condition into a list by its type; the transition time changes with the status only.
void set_condition(Json& conditions, const std::string& type, const std::string& status,
                   const std::string& reason, const std::string& message, const std::string& now);

class Objects {
 public:
  // Writes are attributed to `manager`.
  Objects(memory_api::ApiServer& server, std::string manager)
      : server_(server), options_{std::move(manager), false, {}} {}

  [[nodiscard]] std::vector<Json> list(const kube::ResourceType& type, const std::string& ns = "",
                                       const std::string& labels = "") const;
  [[nodiscard]] std::optional<Json> get(const kube::ResourceType& type, const std::string& ns,
                                        const std::string& name) const;
  // The stored object, nothing when it was refused.
  std::optional<Json> create(const kube::ResourceType& type, const Json& object);
  // Writes back an object that was read; false when somebody else wrote meanwhile.
  bool update(const kube::ResourceType& type, const Json& object);
  // Replaces the status of an object that was read, if it differs.
  bool update_status(const kube::ResourceType& type, const Json& object, const Json& status);
  bool patch(const kube::ResourceType& type, const Json& object, const Json& merge_patch);
  // Creates it, or writes it over what is there when that differs in more than metadata.
  void ensure(const kube::ResourceType& type, const Json& object);
  // With the uid of what was read. `grace_seconds` is for pods.
  bool remove(const kube::ResourceType& type, const Json& object,
              std::optional<int64_t> grace_seconds = {});

  // Tells the user about something that happened to `object`: an Event, counted when it repeats.
  void record(const Json& object, const char* type, const std::string& reason,
              const std::string& message);

  [[nodiscard]] std::string now() const;
  [[nodiscard]] memory_api::ApiServer& server() { return server_; }

 private:
  [[nodiscard]] memory_api::TypePtr find(const kube::ResourceType& type) const;

  memory_api::ApiServer& server_;
  memory_api::WriteOptions options_;
};

}  // namespace natrix::workload
