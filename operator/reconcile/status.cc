#include "operator/reconcile/status.h"

#include <set>

#include "operator/base/timestamp.h"
#include "operator/reconcile/conditions.h"
#include "operator/resource/names.h"

namespace natrix::reconcile {

namespace {

using model::ConditionType;

// Bounds what one object can make of itself.
constexpr size_t kMostActionsShown = 32;
constexpr size_t kMostServersShown = 100;

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

Json plan_json(const Plan& plan) {
  Json actions = Json::array();
  for (const Action& action : plan.actions) {
    for (const Change& change : action.changes) {
      if (actions.size() == kMostActionsShown) break;
      actions.push_back({{"action", action.verb == Action::Verb::kDelete ? "Delete" : "Apply"},
                         {"target", text_of(action.target)},
                         {"reason", name_of(change.reason)},
                         {"field", change.field},
                         {"disruptive", change.disruptive},
                         {"message", change.message}});
    }
  }
  return {{"digest", plan.digest()}, {"actions", std::move(actions)}};
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
          paused_condition(input)};
}

}  // namespace

StatusResult make_status(const StatusInput& input) {
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
    status["config"] = {{"revision", input.config_revision},
                        {"appliedServers", facts.configured},
                        {"method", "Restart"}};
  }
  if (input.plan != nullptr && !input.plan->actions.empty())
    status["plan"] = plan_json(*input.plan);
  out.progressing = condition_status(status, ConditionType::kProgressing) == "True";
  out.watch_servers =
      facts.meshing || (facts.ready > 0 && input.reports.size() < static_cast<size_t>(facts.ready));
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
