// The part of a pass that takes servers away: one at a time, and only when the cluster can spare
// it.
#include <fmt/format.h>

#include <algorithm>

#include "operator/kube/resources.h"
#include "operator/model/labels.h"
#include "operator/reconcile/pass.h"

namespace natrix::reconcile {

namespace {

constexpr std::chrono::seconds kAgainWhileMeshing{3};

// Whom to ask, and by what the answers are known to be of these pods.
struct Round {
  std::vector<brokerapi::ServerAddress> servers;
  std::string pods;
};

Round round_of(const std::vector<Pod>& pods, int port) {
  Round out;
  for (const Pod& pod : pods) {
    if (!pod.ready || pod.deleting || pod.ip.empty()) continue;
    out.servers.push_back({pod.name, pod.ip, port});
    out.pods += fmt::format("{}/{}/{};", pod.uid, pod.restarts, pod.ip);
  }
  return out;
}

bool only_replicas(const Action& action) {
  return std::all_of(action.differences.begin(), action.differences.end(),
                     [](const Difference& d) { return d.path == "spec.replicas"; });
}

}  // namespace

const Json* Pass::own_set() const {
  const auto found = observed_.children.find({resource::Kind::kStatefulSet, cluster_.name});
  if (found == observed_.children.end()) return nullptr;
  if (ownership_problem(found->first, found->second, cluster_)) return nullptr;
  return &found->second;
}

// The StatefulSet knows for which generation of this very NatsCluster it was last written.
bool Pass::is_stale() const {
  const Json* set = own_set();
  if (set == nullptr) return false;
  const Json& owners = at(*set, {"metadata", "ownerReferences"});
  const bool ours =
      owners.is_array() && std::any_of(owners.begin(), owners.end(), [&](const Json& o) {
        return string_at(o, {"uid"}) == cluster_.uid;
      });
  const std::string text =
      string_at(*set, {"metadata", "annotations", model::kGenerationAnnotation});
  return ours && std::strtoll(text.c_str(), nullptr, 10) > cluster_.generation;
}

bool Pass::may_write() const {
  return valid_ && !cluster_.spec.paused && problems_.empty() && !transient_;
}

void Pass::limit_replicas() {
  scale_gate_.clear();
  const auto action =
      std::find_if(plan_.actions.begin(), plan_.actions.end(), [](const Action& candidate) {
        return candidate.verb == Action::Verb::kApply &&
               candidate.target.kind == resource::Kind::kStatefulSet;
      });
  if (action == plan_.actions.end()) return;
  const Json* set = own_set();
  const auto now = set == nullptr ? 0 : static_cast<int>(int_at(*set, {"spec", "replicas"}));
  if (now > cluster_.spec.replicas) {
    ask_now();
    scale_gate_ = scale_down_gate({cluster_, observed_.pods, &memory_.reports}, *set);
  }
  const Json* status = previous_status();
  const int known = status == nullptr ? 0 : static_cast<int>(int_at(*status, {"replicas"}));
  const int next = next_replicas(cluster_, set, observed_.pods, known, scale_gate_);
  action->object["spec"]["replicas"] = next;
  if (set == nullptr || next != now || !only_replicas(*action)) return;
  waiting_.push_back(std::move(*action));
  plan_.actions.erase(action);
}

void Pass::roll() {
  const Json* set = own_set();
  rollout_ = make_rollout({cluster_, observed_.pods}, set);
  if (!scale_gate_.empty()) {
    rollout_.under_way = true;
    rollout_.waiting_for = scale_gate_;
    return;
  }
  if (rollout_.pending.empty()) return;
  if (cluster_.spec.paused) rollout_.waiting_for = "spec.paused to be false";
  if (cluster_.spec.update_strategy.type == model::UpdateType::kOnDelete) {
    rollout_.waiting_for = "somebody to delete the pods (updateStrategy OnDelete)";
    return;
  }
  // What was written just now changes what the next step should look at.
  if (!may_write() || acted_) return;
  if (takes_a_ready_server(rollout_, observed_.pods)) {
    ask_now();
    rollout_ = make_rollout({cluster_, observed_.pods, &memory_.reports}, set);
  }
  if (rollout_.waiting_for.empty()) restart(Restart(rollout_.pending.front()));
}

void Pass::restart(const Restart& step) {
  const auto pod = std::find_if(observed_.pods.begin(), observed_.pods.end(),
                                [&](const Pod& candidate) { return candidate.name == step.pod; });
  // Exactly this pod, in exactly the state the decision was made on.
  const auto removed =
      api_.remove({kube::kPods, cluster_.ns, pod->name}, {pod->uid, pod->resource_version},
                  kube::Propagation::kBackground);
  acted_ = true;
  if (!removed && removed.error().code != kube::Errc::kNotFound) {
    note_error(removed.error(), "restarting server " + step.pod);
    return;
  }
  owner_.log_.info("restarting server", {{"cluster", cluster_.ns + "/" + cluster_.name},
                                         {"server", step.pod},
                                         {"reason", name_of(step.reason)},
                                         {"change", step.message}});
  const std::string allowed = cluster_.forced_pod == step.pod ? "asked for by natrix.dev/force-step"
                              : pod->ready ? "all servers are ready, healthy and connected"
                                           : "it is not ready";
  publish(
      {{false, std::string(name_of(step.reason)), "RestartServer",
        fmt::format("restarting server {}: {}; {}", step.pod, step.message, allowed), pod->uid}});
  pod->deleting = true;
  pod->ready = false;
  rollout_ = make_rollout({cluster_, observed_.pods, &memory_.reports}, own_set());
}

void Pass::ask_servers() {
  if (asked_ || !valid_ || !cluster_.spec.config.monitor.enabled) return;
  const Round round = round_of(observed_.pods, cluster_.spec.config.monitor.port);
  const ops::Time now = owner_.clock_.now();
  const bool complete =
      memory_.reports.size() == round.servers.size() && !reload_pending() &&
      std::all_of(memory_.reports.begin(), memory_.reports.end(), [&](const auto& entry) {
        return entry.second.routed_servers + 1 >= cluster_.spec.replicas;
      });
  const auto age = now - memory_.reported_at;
  if (round.pods == memory_.reported_pods && age < owner_.options_.broker_interval &&
      (complete || age < kAgainWhileMeshing)) {
    return;
  }
  ask_now();
}

void Pass::ask_now() {
  if (asked_ || !cluster_.spec.config.monitor.enabled) return;
  asked_ = true;
  Round round = round_of(observed_.pods, cluster_.spec.config.monitor.port);
  memory_.reports.clear();
  for (auto& [name, answer] : owner_.brokers_.ask(round.servers, owner_.options_.broker_deadline)) {
    if (answer) {
      memory_.reports.emplace(name, std::move(*answer));
    } else {
      owner_.log_.debug("server did not answer", {{"cluster", cluster_.ns + "/" + cluster_.name},
                                                  {"server", name},
                                                  {"error", answer.error().message}});
    }
  }
  memory_.reported_pods = std::move(round.pods);
  memory_.servers = std::move(round.servers);
  memory_.reported_at = owner_.clock_.now();
}

}  // namespace natrix::reconcile
