// Agent: the node of the embedded mode. It takes every pod of the API server, runs it (one
// PodWorker each), gives Services their addresses and forwards what comes there to ready pods.
//
// Directories below `data_directory`: claims/<namespace>/<claim> holds what PersistentVolumeClaims
// stand for and is never removed here; pods/ belongs to running pods and starts empty.
//
// Safe from any thread, but start() and stop() are called by one. Stop the ApiServer before stop(),
// so that it is quick.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "operator/local/agent/forwarder.h"
#include "operator/local/agent/pod_worker.h"
#include "operator/local/http_front/log_source.h"

namespace natrix::agent {

struct AgentOptions {
  Images images;
  std::string data_directory;
  std::string node_name = "local";
  RestartRule restarts;
};

class Agent : public http_front::LogSource {
 public:
  // All references outlive the agent; the server's service_address option must be that of
  // `addresses`.
  Agent(memory_api::ApiServer& server, Addresses& addresses, AgentOptions options, ops::Log& log);
  ~Agent() override;  // stops without grace
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Fails when the data directory cannot be used.
  Result<void> start();
  // SIGTERM to all pods, SIGKILL to what still runs after `grace`. Pods stay in the API.
  void stop(std::chrono::milliseconds grace);

  memory_api::Outcome<std::unique_ptr<http_front::LogReader>> open_log(
      const http_front::LogRequest& request) override;

 private:
  struct Entry {
    std::string uid;
    std::string version;
    std::unique_ptr<PodWorker> worker;
  };

  void run();
  void sync_pods();
  void take(const Json& pod);

  memory_api::ApiServer& server_;
  const std::string data_directory_;
  ops::Log& log_;
  ProcessHost processes_;
  LogPump pump_;
  AgentContext context_;
  Forwarder forwarder_;
  std::mutex mutex_;                   // guards what follows
  std::map<std::string, Entry> pods_;  // by "namespace/name"
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace natrix::agent
