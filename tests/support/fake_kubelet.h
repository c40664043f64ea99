// A kubelet without processes: assigns pods to a node, lets them run and become ready, removes
// those that are deleted. One step at a time, so that tests see every state in between.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "operator/local/workload/objects.h"

namespace natrix::tests {

class FakeKubelet {
 public:
  explicit FakeKubelet(memory_api::ApiServer& server) : objects_(server, "kubelet") {}

  // Pods for which this is true stay unready, whatever happens.
  std::function<bool(const kube::Json& pod)> broken = [](const kube::Json&) { return false; };

  // Every pod makes one move: pending, running, ready; deleted ones go. True when any moved.
  bool step() {
    bool moved = false;
    for (const kube::Json& pod : objects_.list(kube::kPods)) moved |= step_pod(pod);
    return moved;
  }

 private:
  bool step_pod(const kube::Json& pod) {
    using workload::text;
    if (workload::deleting(pod)) return objects_.remove(kube::kPods, pod, 0);
    if (text(pod, {"spec", "nodeName"}).empty()) {
      return objects_.patch(kube::kPods, pod, {{"spec", {{"nodeName", "node"}}}});
    }
    kube::Json status = workload::member(pod, {"status"});
    const bool running = text(status, {"phase"}) == "Running";
    const bool ready = running && !broken(pod);
    status["phase"] = "Running";
    if (!status.contains("podIP")) {
      status["podIP"] = "10.0.0." + std::to_string(++addresses_ % 250 + 1);
    }
    workload::set_condition(status["conditions"], "Ready", ready ? "True" : "False", "", "",
                            objects_.now());
    if (status == pod["status"]) return false;
    return objects_.update_status(kube::kPods, pod, status);
  }

  workload::Objects objects_;
  int addresses_ = 0;
};

}  // namespace natrix::tests
