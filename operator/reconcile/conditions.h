// The conditions, one pure function each; status.cc puts them together.
#pragma once

#include "operator/reconcile/status.h"

namespace natrix::reconcile {

// What the conditions are drawn from, counted once.
struct Facts {
  int wanted = 0;  // servers that should be there by what is being worked on
  int existing = 0;
  int ready = 0;
  int updated = 0;     // of the newest revision of the pod template
  int configured = 0;  // started with the wanted configuration
  bool set_exists = false;
  bool set_observed = true;  // the StatefulSet controller has seen the newest spec
  // Servers that do not see all others; known only for servers that answered.
  std::vector<std::string> unmeshed;
  bool meshing = false;  // unmeshed, but ready for so short a time that this is to be expected
};
// The servers are expected to take a changed configuration up by themselves.
bool reloading(const StatusInput& input, const Facts& facts);
Facts count_facts(const StatusInput& input);

// A server that will not come up by waiting.
struct Trouble {
  model::Reason reason;
  std::string message;
};
std::optional<Trouble> find_trouble(const StatusInput& input, const Facts& facts);

// With the runbook of its reason, cut to what an API server takes.
Condition make_condition(model::ConditionType type, bool holds, model::Reason reason,
                         std::string message);

Condition progressing_condition(const StatusInput& input, const Facts& facts);
Condition ready_condition(const StatusInput& input, const Facts& facts,
                          const Condition& progressing, const std::optional<Trouble>& trouble);
Condition available_condition(const Facts& facts);
Condition degraded_condition(const std::optional<Trouble>& trouble);
Condition config_applied_condition(const StatusInput& input, const Facts& facts);
Condition reconciled_condition(const StatusInput& input);
Condition stalled_condition(const StatusInput& input);
Condition paused_condition(const StatusInput& input);
Condition plan_pending_condition(const StatusInput& input);
// `since` when the rollout stands where it stands, RFC 3339.
Condition rollout_blocked_condition(const StatusInput& input, const std::string& since);
Condition storage_condition(const StatusInput& input);

}  // namespace natrix::reconcile
