// A node agent with an API server of its own, for tests that run pods of shell scripts.
#pragma once

#include <fmt/format.h>

#include <fstream>

#include "operator/local/agent/agent.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace natrix::tests {

using kube::Json;

class Node {
 public:
  explicit Node(agent::RestartRule restarts = {std::chrono::milliseconds(100),
                                               std::chrono::milliseconds(400),
                                               std::chrono::milliseconds(60000)})
      : addresses_(std::move(*agent::Addresses::claim())),
        server_(server_options()),
        agent_(server_, *addresses_,
               {.images = {"/bin/false", {{"tool", "/bin/sh"}}},
                .data_directory = dir_.path().string(),
                .restarts = restarts},
               log_) {
    if (!agent_.start()) std::abort();
  }
  ~Node() {
    server_.stop();
    agent_.stop(std::chrono::milliseconds(2000));
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (dir_.path() / name).string();
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(dir_.path() / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // A pod of one container that runs `script`; $DIR is the node's directory. `extra` is merged into
  // the container, `spec` into the pod's spec.
  void run(const std::string& name, const std::string& script, const char* extra = "{}",
           const char* spec = "{}") {
    Json container = {{"name", "main"},
                      {"image", "tool:1"},
                      {"command", {"sh", "-c", script}},
                      {"env", {{{"name", "DIR"}, {"value", dir_.path().string()}}}}};
    container.merge_patch(Json::parse(extra));
    Json pod = {
        {"metadata", {{"name", name}, {"namespace", "default"}, {"labels", {{"app", name}}}}},
        {"spec",
         {{"terminationGracePeriodSeconds", 30}, {"containers", Json::array({container})}}}};
    pod["spec"].merge_patch(Json::parse(spec));
    if (!objects_.create(kube::kPods, pod)) std::abort();
  }
  void remove(const std::string& name, std::optional<int64_t> grace = {}) {
    objects_.remove(kube::kPods, *objects_.get(kube::kPods, "default", name), grace);
  }

  // Null when there is no such pod.
  Json pod(const std::string& name) {
    return objects_.get(kube::kPods, "default", name).value_or(Json());
  }
  std::string phase(const std::string& name) {
    return workload::text(pod(name), {"status", "phase"});
  }
  bool ready(const std::string& name) { return workload::pod_ready(pod(name)); }
  // Of its first container.
  Json status(const std::string& name) {
    const Json found = pod(name);
    const Json& all = workload::member(found, {"status", "containerStatuses"});
    return all.empty() ? Json() : all[0];
  }
  int64_t restarts(const std::string& name) {
    return workload::integer(status(name), {"restartCount"});
  }
  std::string waiting(const std::string& name) {
    return workload::text(status(name), {"state", "waiting", "reason"});
  }
  // "Reason: message" of all Events about it.
  std::vector<std::string> events(const std::string& name) {
    std::vector<std::string> out;
    for (const Json& event : objects_.list(kube::kEvents)) {
      if (workload::text(event, {"regarding", "name"}) != name) continue;
      out.push_back(workload::text(event, {"reason"}) + ": " + workload::text(event, {"note"}));
    }
    return out;
  }
  std::string log(const std::string& name, bool previous = false) {
    http_front::LogRequest request{"default", name, ""};
    request.previous = previous;
    auto reader = agent_.open_log(request);
    if (!reader) return "error: " + reader.error().message;
    return (*reader)->next(std::chrono::milliseconds(0)).value_or("");
  }

  workload::Objects& objects() { return objects_; }
  agent::Agent& agent() { return agent_; }
  memory_api::ApiServer& server() { return server_; }

 private:
  memory_api::ServerOptions server_options() {
    memory_api::ServerOptions out;
    out.core.service_address = [this](const std::string& ns, const std::string& name) {
      return addresses_->service(ns, name);
    };
    return out;
  }

  TempDir dir_;
  ops::Log log_{[](std::string_view) {}};
  std::unique_ptr<agent::Addresses> addresses_;
  memory_api::ApiServer server_;
  workload::Objects objects_{server_, "test"};
  agent::Agent agent_;
};

}  // namespace natrix::tests
