// What the parts of the agent share, and what the parts of one pod share.
#pragma once

#include <chrono>
#include <string>

#include "operator/base/log.h"
#include "operator/local/agent/addresses.h"
#include "operator/local/agent/images.h"
#include "operator/local/agent/localize.h"
#include "operator/local/agent/log_file.h"
#include "operator/local/agent/probe.h"
#include "operator/local/agent/process.h"
#include "operator/local/workload/objects.h"

namespace natrix::agent {

// A container that ends is started again at once the first time, then after these delays. A kubelet
// waits 10 s to 5 min; a laptop's user is less patient.
struct RestartRule {
  std::chrono::milliseconds first{1000};
  std::chrono::milliseconds longest{30000};
  std::chrono::milliseconds forgiven{60000};  // a run this long clears the record
};

// Lives as long as the agent; everything in it is safe from any thread.
struct AgentContext {
  workload::Objects objects;
  Addresses& addresses;
  ProcessHost& processes;
  LogPump& pump;
  Images images;
  std::string node_name;
  std::string pods_directory;     // removed with the pods
  std::string claims_directory;   // kept
  std::string program_directory;  // first in the PATH of containers: nats-server -> the broker
  RestartRule restarts;
  ops::Log& log;
};

// Of one pod, used by its thread.
struct PodContext {
  AgentContext& agent;
  Json pod;  // newest version seen, with the pod's address filled in
  std::string directory;
  Localizer localizer;
};

}  // namespace natrix::agent
