// The status of a NatsCluster: a pure function of what the pass saw and did.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/base/clock.h"
#include "operator/brokerapi/broker_api.h"
#include "operator/reconcile/config_change.h"
#include "operator/reconcile/observe.h"
#include "operator/reconcile/plan.h"
#include "operator/reconcile/rollout.h"

namespace natrix::reconcile {

struct StatusInput {
  int64_t generation = 0;
  // Absent when the spec cannot be read; `problems` then says so.
  const model::Cluster* cluster = nullptr;
  const Json* stateful_set = nullptr;  // absent: not there
  std::vector<Pod> pods;
  Reports reports;              // of the servers that answered
  std::string config_revision;  // wanted; empty when not known
  // How it reaches the servers, and which run it; absent: pods were started with it or were not.
  std::optional<ConfigChange> change;
  std::set<std::string> configured;
  std::vector<WantedCertificate> certificates;
  const Plan* plan = nullptr;  // what is left to do
  std::string approval;        // digest of what waits for approval; empty: nothing does
  const Rollout* rollout = nullptr;
  std::vector<Claim> claims;
  std::vector<Problem> problems;
  const Json* previous = nullptr;  // the status as it is now
  ops::WallTime now;
};

struct Condition {
  model::ConditionType type;
  std::string status;  // True, False, Unknown
  model::Reason reason;
  std::string message;
};

struct StatusResult {
  Json status;
  std::vector<Condition> conditions;
  // Something is under way that no watch announces: look again soon.
  bool watch_servers = false;
  bool progressing = false;
  bool growing = false;  // volumes
};

StatusResult make_status(const StatusInput& input);

// For a pass that could not even look: what is known stays, Reconciled and Stalled say why, and the
// observed generation does not move.
Json failure_status(const Json* previous, const Problem& problem, int64_t generation,
                    ops::WallTime now);

// The status of condition `type` in a status document, empty when it is not there.
std::string condition_status(const Json& status, model::ConditionType type);

}  // namespace natrix::reconcile
