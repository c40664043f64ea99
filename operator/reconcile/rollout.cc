#include "operator/reconcile/rollout.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/model/labels.h"
#include "operator/resource/names.h"

namespace natrix::reconcile {

namespace {

using model::ActionReason;

const Json& server_container(const Json& set) {
  static const Json kNull;
  const Json& containers = at(set, {"spec", "template", "spec", "containers"});
  if (!containers.is_array()) return kNull;
  for (const Json& container : containers) {
    if (string_at(container, {"name"}) == resource::kContainerName) return container;
  }
  return kNull;
}

std::string template_annotation(const Json& set, const char* name) {
  return string_at(set, {"spec", "template", "metadata", "annotations", name});
}

Restart describe(const Pod& pod, const Json& set) {
  const std::string image = string_at(server_container(set), {"image"});
  if (pod.image != image) {
    return {pod.name, ActionReason::kImageChanged, "image",
            fmt::format("image {} -> {}", pod.image, image)};
  }
  const std::string config = template_annotation(set, model::kConfigAnnotation);
  if (pod.config_digest != config) {
    return {pod.name, ActionReason::kConfigChanged, "config",
            fmt::format("configuration {} -> {}", pod.config_digest.substr(0, 19),
                        config.substr(0, 19))};
  }
  const std::string restart = template_annotation(set, model::kRestartAnnotation);
  if (pod.restart != restart) {
    return {pod.name, ActionReason::kRestartAsked, model::kRestartAnnotation,
            fmt::format("annotation natrix.dev/restart is {}", restart)};
  }
  return {pod.name, ActionReason::kPodChanged, "template",
          fmt::format("pod template {} -> {}", pod.revision,
                      string_at(set, {"status", "updateRevision"}))};
}

bool set_observed(const Json& set) {
  return int_at(set, {"status", "observedGeneration"}) >= int_at(set, {"metadata", "generation"});
}

const Pod* pod_of(const std::vector<Pod>& pods, int ordinal) {
  for (const Pod& pod : pods) {
    if (pod.ordinal == ordinal) return &pod;
  }
  return nullptr;
}

std::string why_not_ready(const Pod& pod) {
  if (pod.trouble_reason.empty()) return "";
  std::string out = " (" + pod.trouble_reason;
  if (!pod.trouble.empty()) out += ": " + pod.trouble;
  return out + ")";
}

// What the servers say of themselves; `pods` are ready all of them.
std::string servers_gate(const Servers& servers, const std::vector<const Pod*>& pods) {
  if (!servers.cluster.spec.config.monitor.enabled) return "";
  if (servers.reports == nullptr) return "the servers' answers";
  for (const Pod* pod : pods) {
    const auto found = servers.reports->find(pod->name);
    if (found == servers.reports->end()) {
      return fmt::format("server {} to answer on its monitoring port", pod->name);
    }
    const brokerapi::ServerReport& report = found->second;
    if (!report.healthy) {
      return fmt::format("server {} to be healthy: {}", pod->name, report.health);
    }
    const int others = static_cast<int>(pods.size()) - 1;
    if (report.routed_servers < others) {
      return fmt::format("server {} to be connected to {} other servers, it is to {}", pod->name,
                         others, report.routed_servers);
    }
  }
  return "";
}

// All servers with numbers below `count` are there and ready, and nothing is on its way out.
std::string pods_gate(const std::vector<Pod>& pods, int count, const Json& set,
                      std::vector<const Pod*>& found) {
  for (const Pod& pod : pods) {
    if (pod.deleting) return fmt::format("pod {} to end", pod.name);
  }
  for (int i = 0; i < count; ++i) {
    const Pod* pod = pod_of(pods, i);
    if (pod == nullptr) {
      return fmt::format("pod {}-{} to be created", string_at(set, {"metadata", "name"}), i);
    }
    if (!pod->ready) return fmt::format("pod {} to become ready{}", pod->name, why_not_ready(*pod));
    found.push_back(pod);
  }
  return "";
}

// A server that serves may go when every server is well.
std::string ready_server_gate(const Servers& servers, const Json& set, int count) {
  std::vector<const Pod*> found;
  std::string out = pods_gate(servers.pods, count, set, found);
  return out.empty() ? servers_gate(servers, found) : out;
}

// One that does not serve may be replaced when no replacement is still on its way: nobody loses
// anything by it, and a change that repairs what is broken gets through.
std::string broken_server_gate(const Servers& servers, const Json& set, int count) {
  const std::string newest = string_at(set, {"status", "updateRevision"});
  for (const Pod& pod : servers.pods) {
    if (pod.deleting) return fmt::format("pod {} to end", pod.name);
    if (!pod.ready && pod.revision == newest) {
      return fmt::format("pod {} to become ready{}", pod.name, why_not_ready(pod));
    }
  }
  for (int i = 0; i < count; ++i) {
    if (pod_of(servers.pods, i) == nullptr) {
      return fmt::format("pod {}-{} to be created", string_at(set, {"metadata", "name"}), i);
    }
  }
  return "";
}

}  // namespace

bool takes_a_ready_server(const Rollout& rollout, const std::vector<Pod>& pods) {
  if (rollout.pending.empty()) return false;
  return std::any_of(pods.begin(), pods.end(), [&](const Pod& pod) {
    return pod.name == rollout.pending.front().pod && pod.ready && !pod.deleting;
  });
}

Rollout make_rollout(const Servers& servers, const Json* set) {
  Rollout out;
  out.total = servers.cluster.spec.replicas;
  if (set == nullptr) return out;
  const int count = static_cast<int>(int_at(*set, {"spec", "replicas"}));
  const bool observed = set_observed(*set);
  const std::string newest = string_at(*set, {"status", "updateRevision"});
  std::vector<const Pod*> ready;
  std::vector<const Pod*> broken;
  for (const Pod& pod : servers.pods) {
    if (pod.deleting || pod.ordinal >= count) continue;
    if (observed && pod.revision == newest) {
      out.updated += pod.ready ? 1 : 0;
    } else {
      (pod.ready ? ready : broken).push_back(&pod);
    }
  }
  // Those that do not serve first, then the highest number first.
  for (std::vector<const Pod*>* group : {&broken, &ready}) {
    std::sort(group->begin(), group->end(),
              [](const Pod* a, const Pod* b) { return a->ordinal > b->ordinal; });
    for (const Pod* pod : *group) {
      if (observed) out.pending.push_back(describe(*pod, *set));
    }
  }
  out.under_way = !observed || !out.pending.empty() || out.updated < count;
  if (!observed) {
    out.waiting_for = "the StatefulSet controller to take up the change";
  } else if (!out.pending.empty() && servers.cluster.forced_pod != out.pending.front().pod) {
    out.waiting_for = broken.empty() ? ready_server_gate(servers, *set, count)
                                     : broken_server_gate(servers, *set, count);
  } else if (out.pending.empty() && out.updated < count) {
    std::vector<const Pod*> unused;
    out.waiting_for = pods_gate(servers.pods, count, *set, unused);
  }
  return out;
}

std::string scale_down_gate(const Servers& servers, const Json& set) {
  const int count = static_cast<int>(int_at(set, {"spec", "replicas"}));
  const Pod* last = pod_of(servers.pods, count - 1);
  if (!set_observed(set)) return "the StatefulSet controller to take up the change";
  if (last != nullptr && servers.cluster.forced_pod == last->name) return "";
  std::vector<const Pod*> found;
  std::string out = pods_gate(servers.pods, count - 1, set, found);
  if (!out.empty()) return out;
  if (last != nullptr && last->ready) found.push_back(last);
  return servers_gate(servers, found);
}

int next_replicas(const model::Cluster& cluster, const Json* set, const std::vector<Pod>& pods,
                  int known, const std::string& gate) {
  const int wanted = cluster.spec.replicas;
  if (set == nullptr) {
    int survivors = known;
    for (const Pod& pod : pods) survivors = std::max(survivors, pod.ordinal + 1);
    return std::max(wanted, survivors);
  }
  const int now = static_cast<int>(int_at(*set, {"spec", "replicas"}));
  if (wanted >= now) return wanted;
  return gate.empty() ? now - 1 : now;
}

}  // namespace natrix::reconcile
