// Endpoints and EndpointSlices of Services with a selector: which pods serve them.
#pragma once

#include "operator/local/workload/objects.h"

namespace natrix::workload {

// One way to reach a Service: a pod's address and the port of the container behind a service port.
struct Backend {
  std::string address;
  int port = 0;
  std::string pod;
  bool ready = false;
};

// The backends of one port of a Service, pods in order of their names; named target ports are
// looked up in the containers. Pods without an address or about to go are left out. Pure.
std::vector<Backend> backends_of(const Json& service_port, const std::vector<Json>& pods);

// The pods a Service selects, by name; none without a selector.
std::vector<Json> pods_of(const Objects& objects, const Json& service);

class EndpointsController {
 public:
  explicit EndpointsController(memory_api::ApiServer& server)
      : objects_(server, "endpoint-controller") {}
  void sync();

 private:
  void write(const Json& service);
  Objects objects_;
};

}  // namespace natrix::workload
