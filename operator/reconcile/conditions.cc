#include "operator/reconcile/conditions.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/base/timestamp.h"
#include "operator/model/text.h"

namespace natrix::reconcile {

namespace {

using model::ConditionType;
using model::Reason;

// How long freshly ready servers may take to find each other before that counts as a fault.
constexpr std::chrono::seconds kMeshTime{60};

std::string servers(int count) {
  return fmt::format("{} server{}", count, count == 1 ? "" : "s");
}

bool freshly_ready(const StatusInput& input) {
  for (const Pod& pod : input.pods) {
    const auto since = ops::parse_time(pod.ready_since);
    if (since && input.now - *since < kMeshTime) return true;
  }
  return false;
}

void count_mesh(const StatusInput& input, Facts& facts) {
  // Only a cluster at rest can be judged: while it scales, servers rightly differ.
  if (facts.existing != facts.wanted || facts.ready != facts.wanted) return;
  for (const Pod& pod : input.pods) {
    const auto report = input.reports.find(pod.name);
    if (report == input.reports.end() || report->second.routed_servers >= facts.wanted - 1)
      continue;
    facts.unmeshed.push_back(fmt::format("{} is connected to {} of {} other servers", pod.name,
                                         report->second.routed_servers, facts.wanted - 1));
  }
  facts.meshing = !facts.unmeshed.empty() && freshly_ready(input);
}

Reason reason_of_trouble(const Pod& pod) {
  if (pod.trouble_reason == "Unschedulable" || pod.trouble_reason == "SchedulingGated") {
    const bool volume = pod.trouble.find("PersistentVolumeClaim") != std::string::npos ||
                        pod.trouble.find("persistentvolumeclaim") != std::string::npos;
    return volume ? Reason::kVolumePending : Reason::kUnschedulable;
  }
  if (pod.trouble_reason.find("Image") != std::string::npos) return Reason::kImagePullFailing;
  return Reason::kServerFailing;
}

// As it is called below.
Condition make(ConditionType type, bool holds, Reason reason, std::string message) {
  return make_condition(type, holds, reason, std::move(message));
}

std::string next_step(const StatusInput& input) {
  if (input.rollout == nullptr || input.rollout->pending.empty()) return "";
  const std::string& next = input.rollout->pending.front().pod;
  if (input.rollout->waiting_for.empty()) return fmt::format("; {} is next", next);
  return fmt::format("; {} is next and waits for {}", next, input.rollout->waiting_for);
}

}  // namespace

Condition make_condition(ConditionType type, bool holds, Reason reason, std::string message) {
  constexpr size_t kLongestMessage = 1024;
  message = model::shortened(std::move(message), kLongestMessage) + model::runbook(reason);
  return {type, holds ? "True" : "False", reason, std::move(message)};
}

bool reloading(const StatusInput& input, const Facts& facts) {
  return input.change && input.change->reload && facts.configured < facts.existing;
}

Facts count_facts(const StatusInput& input) {
  Facts out;
  if (input.cluster != nullptr) out.wanted = input.cluster->spec.replicas;
  out.set_exists = input.stateful_set != nullptr;
  if (out.set_exists) {
    const Json& set = *input.stateful_set;
    // What a paused or unreadable spec asks for is not being worked on.
    const bool at_work = input.cluster != nullptr && !input.cluster->spec.paused;
    if (!at_work) out.wanted = static_cast<int>(int_at(set, {"spec", "replicas"}));
    out.set_observed =
        int_at(set, {"status", "observedGeneration"}) >= int_at(set, {"metadata", "generation"});
  }
  const std::string newest =
      out.set_exists ? string_at(*input.stateful_set, {"status", "updateRevision"}) : "";
  for (const Pod& pod : input.pods) {
    ++out.existing;
    if (pod.ready && !pod.deleting) ++out.ready;
    if (out.set_observed && !pod.deleting && pod.revision == newest) ++out.updated;
    const bool configured = input.change ? input.configured.count(pod.name) != 0
                                         : pod.config_digest == input.config_revision;
    if (!pod.deleting && configured) ++out.configured;
  }
  count_mesh(input, out);
  return out;
}

std::optional<Trouble> find_trouble(const StatusInput& input, const Facts& facts) {
  for (const Pod& pod : input.pods) {
    if (pod.deleting || pod.trouble_reason.empty() || pod.ready) continue;
    std::string text = fmt::format("server {}: {}", pod.name, pod.trouble_reason);
    if (!pod.trouble.empty()) text += ": " + pod.trouble;
    return Trouble{reason_of_trouble(pod), std::move(text)};
  }
  if (!facts.unmeshed.empty() && !facts.meshing) {
    return Trouble{Reason::kRoutesMissing, fmt::format("{}", fmt::join(facts.unmeshed, "; "))};
  }
  // A server that had been ready, is not, and is not being replaced.
  if (facts.set_observed && facts.existing >= facts.wanted && facts.updated == facts.existing) {
    for (const Pod& pod : input.pods) {
      if (pod.ready || pod.deleting || pod.phase != "Running") continue;
      const auto report = input.reports.find(pod.name);
      const bool answered = report != input.reports.end() && !report->second.healthy;
      if (pod.restarts == 0 && !answered && !pod.lost_readiness) continue;
      std::string why = answered             ? report->second.health
                        : pod.lost_readiness ? "it was ready and does not answer any more"
                                             : fmt::format("restarted {} times", pod.restarts);
      return Trouble{Reason::kServersNotReady,
                     fmt::format("server {} is not ready: {}", pod.name, why)};
    }
  }
  return std::nullopt;
}

Condition progressing_condition(const StatusInput& input, const Facts& facts) {
  const auto say = [](Reason reason, std::string message) {
    return make(ConditionType::kProgressing, true, reason, std::move(message));
  };
  if (!facts.set_exists) {
    const bool can =
        input.cluster != nullptr && input.problems.empty() && !input.cluster->spec.paused;
    if (can) return say(Reason::kCreating, "the cluster's objects are being created");
    return make(ConditionType::kProgressing, false, Reason::kUpToDate, "nothing is under way");
  }
  if (facts.existing < facts.wanted) {
    return say(Reason::kScalingUp,
               fmt::format("{} of {} exist", facts.existing, servers(facts.wanted)));
  }
  if (facts.existing > facts.wanted) {
    return say(Reason::kScalingDown,
               fmt::format("{} still leaving", servers(facts.existing - facts.wanted)));
  }
  if (!facts.set_observed) return say(Reason::kRollingOut, "a change is being taken up");
  if (facts.updated < facts.existing) {
    return say(Reason::kRollingOut, fmt::format("{} of {} run the newest revision{}", facts.updated,
                                                servers(facts.existing), next_step(input)));
  }
  if (facts.ready < facts.wanted) {
    return say(Reason::kStarting,
               fmt::format("{} of {} are ready", facts.ready, servers(facts.wanted)));
  }
  if (reloading(input, facts)) {
    return say(Reason::kReloading, fmt::format("{} of {} show that they run the new configuration",
                                               facts.configured, servers(facts.existing)));
  }
  if (facts.meshing)
    return say(Reason::kFormingCluster, fmt::format("{}", fmt::join(facts.unmeshed, "; ")));
  return make(ConditionType::kProgressing, false, Reason::kUpToDate, "nothing is under way");
}

Condition ready_condition(const StatusInput& input, const Facts& facts,
                          const Condition& progressing, const std::optional<Trouble>& trouble) {
  const auto no = [](Reason reason, std::string message) {
    return make(ConditionType::kReady, false, reason, std::move(message));
  };
  if (!input.problems.empty()) {
    return no(input.problems.front().reason, input.problems.front().message);
  }
  if (trouble) return no(trouble->reason, trouble->message);
  // Servers that reload serve their clients all the time.
  if (progressing.status == "True" && progressing.reason != Reason::kReloading)
    return no(progressing.reason, progressing.message);
  const bool pending = input.plan != nullptr && !input.plan->actions.empty();
  if (pending || !facts.set_exists) {
    if (!input.approval.empty())
      return no(Reason::kWaitingForApproval, "changes wait in status.plan to be approved");
    return no(Reason::kPaused, "changes wait in status.plan until spec.paused is false");
  }
  return make(ConditionType::kReady, true, Reason::kAllServersReady,
              fmt::format("{} of {} are ready", facts.ready, servers(facts.wanted)));
}

Condition available_condition(const Facts& facts) {
  return make(ConditionType::kAvailable, facts.ready > 0,
              facts.ready > 0 ? Reason::kServersServing : Reason::kServersNotReady,
              fmt::format("{} of {} are ready", facts.ready, servers(facts.wanted)));
}

Condition degraded_condition(const std::optional<Trouble>& trouble) {
  if (trouble) return make(ConditionType::kDegraded, true, trouble->reason, trouble->message);
  return make(ConditionType::kDegraded, false, Reason::kAsExpected, "no server has a fault");
}

Condition config_applied_condition(const StatusInput& input, const Facts& facts) {
  if (input.config_revision.empty()) {
    const Reason reason =
        input.problems.empty() ? Reason::kCreating : input.problems.front().reason;
    Condition out =
        make(ConditionType::kConfigApplied, false, reason, "the wanted configuration is not known");
    out.status = "Unknown";
    return out;
  }
  const bool applied =
      facts.existing > 0 && facts.configured == facts.existing && facts.existing >= facts.wanted;
  return make(ConditionType::kConfigApplied, applied,
              applied                         ? Reason::kUpToDate
              : facts.existing < facts.wanted ? Reason::kCreating
              : reloading(input, facts)       ? Reason::kReloading
                                              : Reason::kRollingOut,
              fmt::format("{} of {} run the wanted configuration", facts.configured,
                          servers(std::max(facts.existing, facts.wanted))));
}

Condition reconciled_condition(const StatusInput& input) {
  if (input.problems.empty()) {
    return make(ConditionType::kReconciled, true, Reason::kSuccess,
                "the last pass did what it wanted");
  }
  std::string message;
  for (const Problem& problem : input.problems) {
    message += (message.empty() ? "" : "; ") + problem.message;
  }
  return make(ConditionType::kReconciled, false, input.problems.front().reason, std::move(message));
}

Condition stalled_condition(const StatusInput& input) {
  for (const Problem& problem : input.problems) {
    // These pass by themselves.
    if (problem.reason == Reason::kApiUnavailable || problem.reason == Reason::kWaitingForDeletion)
      continue;
    return make(ConditionType::kStalled, true, problem.reason, problem.message);
  }
  return make(ConditionType::kStalled, false, Reason::kNotStalled,
              "nothing waits for somebody to act");
}

Condition paused_condition(const StatusInput& input) {
  const bool paused = input.cluster != nullptr && input.cluster->spec.paused;
  if (!paused)
    return make(ConditionType::kPaused, false, Reason::kNotPaused, "changes are carried out");
  return make(ConditionType::kPaused, true, Reason::kPaused,
              "spec.paused is true: nothing is changed, status.plan shows what would be");
}

}  // namespace natrix::reconcile
