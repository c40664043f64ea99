#include "operator/reconcile/status.h"

#include <algorithm>
#include <set>

#include "operator/base/timestamp.h"
#include "operator/model/digest.h"
#include "operator/model/text.h"
#include "operator/reconcile/certificates.h"
#include "operator/reconcile/conditions.h"
#include "operator/resource/names.h"

namespace natrix::reconcile {

namespace {

using model::ConditionType;

// Bounds what one object can make of itself.
constexpr size_t kMostActionsShown = 32;
constexpr size_t kMostServersShown = 100;
constexpr size_t kLongestWhy = 256;

const Json* previous_condition(const Json* previous, std::string_view type) {
  if (previous == nullptr) return nullptr;
  for (const Json& condition : member(*previous, "conditions")) {
    if (string_at(condition, {"type"}) == type) return &condition;
  }
  return nullptr;
}

Json condition_json(const Condition& condition, const StatusInput& input) {
  const std::string type(name_of(condition.type));
  std::string since = ops::format_time(input.now);
  const Json* before = previous_condition(input.previous, type);
  if (before != nullptr && string_at(*before, {"status"}) == condition.status) {
    const std::string known = string_at(*before, {"lastTransitionTime"});
    if (!known.empty()) since = known;
  }
  return {{"type", type},
          {"status", condition.status},
          {"reason", name_of(condition.reason)},
          {"message", condition.message},
          {"lastTransitionTime", since},
          {"observedGeneration", input.generation}};
}

const char* verb_name(Action::Verb verb) {
  switch (verb) {
    case Action::Verb::kDelete:
      return "Delete";
    case Action::Verb::kOrphan:
      return "Recreate";
    case Action::Verb::kCreate:
    case Action::Verb::kApply:
    case Action::Verb::kPatch:
      return "Apply";
  }
  return "";
}

// What is done to objects, then to servers.
Json plan_json(const StatusInput& input) {
  Json actions = Json::array();
  const Plan& plan = *input.plan;
  for (const Action& action : plan.actions) {
    for (const Change& change : action.changes) {
      if (actions.size() == kMostActionsShown) break;
      actions.push_back({{"action", verb_name(action.verb)},
                         {"target", text_of(action.target)},
                         {"reason", name_of(change.reason)},
                         {"field", change.field},
                         {"disruptive", change.disruptive},
                         {"message", change.message}});
    }
  }
  const bool approve = !input.approval.empty();
  Json steps = Json::array();
  for (const Restart& restart : input.rollout->pending) {
    if (actions.size() + steps.size() == kMostActionsShown) break;
    steps.push_back({{"action", "RestartServer"},
                     {"target", restart.pod},
                     {"reason", name_of(restart.reason)},
                     {"field", restart.field},
                     {"disruptive", true},
                     {"message", restart.message}});
  }
  const std::string digest = approve                ? input.approval
                             : plan.actions.empty() ? model::digest_of(steps).substr(0, 16)
                                                    : plan.digest();
  for (Json& step : steps) actions.push_back(std::move(step));
  return {{"digest", digest}, {"actions", std::move(actions)}};
}

std::string next_server(const Rollout& rollout) {
  return rollout.pending.empty() ? "" : rollout.pending.front().pod;
}

// Since when the rollout stands where it stands.
std::string standing_since(const StatusInput& input) {
  const Json& before = input.previous == nullptr ? Json() : member(*input.previous, "rollout");
  const std::string since = string_at(before, {"since"});
  const bool moved = string_at(before, {"next"}) != next_server(*input.rollout) ||
                     int_at(before, {"updated"}) != input.rollout->updated ||
                     int_at(before, {"total"}) != input.rollout->total;
  return moved || since.empty() ? ops::format_time(input.now) : since;
}

Json rollout_json(const StatusInput& input) {
  const Rollout& rollout = *input.rollout;
  Json out = {
      {"total", rollout.total}, {"updated", rollout.updated}, {"since", standing_since(input)}};
  if (!rollout.pending.empty()) out["next"] = next_server(rollout);
  if (!rollout.waiting_for.empty()) out["waitingFor"] = rollout.waiting_for;
  return out;
}

Json server_json(const Pod& pod, const Reports& reports) {
  Json out = {{"name", pod.name},
              {"podUID", pod.uid},
              {"phase", pod.deleting ? "Terminating" : pod.phase},
              {"ready", pod.ready},
              {"restarts", pod.restarts}};
  if (!pod.node.empty()) out["node"] = pod.node;
  if (!pod.ip.empty()) out["address"] = pod.ip;
  if (!pod.config_digest.empty()) out["configRevision"] = pod.config_digest;
  if (const auto report = reports.find(pod.name); report != reports.end()) {
    out["version"] = report->second.version;
    out["serverID"] = report->second.server_id;
    out["routedServers"] = report->second.routed_servers;
  }
  return out;
}

Json servers_json(const StatusInput& input) {
  Json out = Json::array();
  for (const Pod& pod : input.pods) {
    if (out.size() == kMostServersShown) break;
    out.push_back(server_json(pod, input.reports));
  }
  return out;
}

// Nobody announces that servers have become well: they have to be asked.
bool waits_for_servers(const StatusInput& input) {
  if (input.cluster == nullptr || input.cluster->spec.paused) return false;
  return input.cluster->spec.update_strategy.type != model::UpdateType::kOnDelete &&
         takes_a_ready_server(*input.rollout, input.pods);
}

std::string common_version(const Reports& reports) {
  std::set<std::string> versions;
  for (const auto& [name, report] : reports) versions.insert(report.version);
  return versions.size() == 1 ? *versions.begin() : "";
}

Json endpoints_json(const model::Cluster& cluster) {
  Json out = {{"client", resource::client_endpoint(cluster)}};
  const std::string monitor = resource::monitor_endpoint(cluster);
  if (!monitor.empty()) out["monitor"] = monitor;
  return out;
}

Json config_json(const StatusInput& input, const Facts& facts) {
  const bool reload = input.change && input.change->reload;
  Json out = {{"revision", input.config_revision},
              {"appliedServers", facts.configured},
              {"method", reload ? "Reload" : "Restart"}};
  if (input.change && !input.change->why.empty())
    out["why"] = model::shortened(input.change->why, kLongestWhy);
  if (reload && !input.change->since.empty()) out["since"] = input.change->since;
  return out;
}

std::vector<Condition> all_conditions(const StatusInput& input, const Facts& facts) {
  const auto trouble = find_trouble(input, facts);
  const Condition progressing = progressing_condition(input, facts);
  return {ready_condition(input, facts, progressing, trouble),
          available_condition(facts),
          progressing,
          degraded_condition(trouble),
          reconciled_condition(input),
          config_applied_condition(input, facts),
          stalled_condition(input),
          paused_condition(input),
          plan_pending_condition(input),
          rollout_blocked_condition(input, standing_since(input)),
          storage_condition(input),
          certificates_condition(input)};
}

}  // namespace

StatusResult make_status(const StatusInput& given) {
  static const Plan kNoPlan;
  static const Rollout kNoRollout;
  StatusInput input = given;
  if (input.plan == nullptr) input.plan = &kNoPlan;
  if (input.rollout == nullptr) input.rollout = &kNoRollout;
  const Facts facts = count_facts(input);
  StatusResult out;
  out.conditions = all_conditions(input, facts);
  Json& status = out.status;
  status = {{"observedGeneration", input.generation}, {"replicas", facts.existing},
            {"readyReplicas", facts.ready},           {"updatedReplicas", facts.updated},
            {"servers", servers_json(input)},         {"conditions", Json::array()}};
  for (const Condition& condition : out.conditions) {
    status["conditions"].push_back(condition_json(condition, input));
  }
  const std::string version = common_version(input.reports);
  if (!version.empty()) status["version"] = version;
  if (input.cluster != nullptr) {
    status["selector"] = resource::selector_text(*input.cluster);
    status["endpoints"] = endpoints_json(*input.cluster);
  } else if (input.previous != nullptr) {
    for (const char* name : {"selector", "endpoints"}) {
      if (const Json& known = member(*input.previous, name); !known.is_null()) status[name] = known;
    }
  }
  if (!input.config_revision.empty()) {
    status["config"] = config_json(input, facts);
  }
  if (!input.certificates.empty()) status["certificates"] = certificates_json(input);
  if (!input.plan->actions.empty() || !input.rollout->pending.empty())
    status["plan"] = plan_json(input);
  if (input.rollout->under_way) status["rollout"] = rollout_json(input);
  out.growing =
      condition_status(status, ConditionType::kStorageResizing) == "True" ||
      std::any_of(input.plan->actions.begin(), input.plan->actions.end(), [](const Action& a) {
        return a.changes.front().reason == model::ActionReason::kStorageGrown;
      });
  out.progressing = condition_status(status, ConditionType::kProgressing) == "True";
  out.watch_servers = waits_for_servers(input) || reloading(input, facts) || facts.meshing ||
                      (facts.ready > 0 && input.reports.size() < static_cast<size_t>(facts.ready));
  return out;
}

Json failure_status(const Json* previous, const Problem& problem, int64_t generation,
                    ops::WallTime now) {
  StatusInput input;
  input.generation = generation;
  input.problems = {problem};
  input.previous = previous;
  input.now = now;
  Json status = previous != nullptr && previous->is_object() ? *previous : Json::object();
  Json conditions = Json::array();
  for (const ConditionType type : model::kConditionTypes) {
    const Json* known = previous_condition(previous, name_of(type));
    if (type == ConditionType::kReconciled) {
      conditions.push_back(condition_json(reconciled_condition(input), input));
    } else if (type == ConditionType::kStalled) {
      conditions.push_back(condition_json(stalled_condition(input), input));
    } else if (known != nullptr) {
      conditions.push_back(*known);
    } else {
      const Condition unknown{type, "Unknown", problem.reason,
                              "the cluster could not be looked at"};
      conditions.push_back(condition_json(unknown, input));
    }
  }
  status["conditions"] = std::move(conditions);
  return status;
}

std::string condition_status(const Json& status, ConditionType type) {
  const Json* condition = previous_condition(&status, name_of(type));
  return condition == nullptr ? "" : string_at(*condition, {"status"});
}

}  // namespace natrix::reconcile
