// What differs between a pod in a container and a pod that is a process of this machine: it sees
// the machine's files instead of its mounts, has one of many loopback addresses instead of a
// network of its own, and no cluster DNS. The agent bridges this by rewriting text (environment,
// arguments, configuration files) and nothing else:
//
//   /etc/nats/nats.conf                      -> where the volume of that mount is
//   0.0.0.0                                  -> the pod's address, for all pods share the ports
//   nats-1.nats-headless.shop.svc...         -> the address of that pod
//   nats.shop.svc...                         -> the address of that Service
//
// Pure but for the resolver. Text that merely resembles one of these as a whole word is rewritten
// too: that is the price of needing no privileges.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace natrix::agent {

struct Localizer {
  std::string address;                                     // of the pod
  std::vector<std::pair<std::string, std::string>> paths;  // mount path, real path
  std::function<std::string(const std::string& ns, const std::string& pod)> pod_address;
  std::function<std::string(const std::string& ns, const std::string& service)> service_address;

  [[nodiscard]] std::string apply(std::string_view text) const;
};

}  // namespace natrix::agent
