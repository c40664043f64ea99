// Rolling changes: which server is replaced next, and whether it may be now.
//
// The StatefulSet never restarts a server by itself (its strategy is OnDelete): a server is
// replaced by deleting its pod, one at a time, and only when the cluster itself says that it can
// spare one: every pod is there and ready, every server answers, calls itself healthy and is
// connected to all the others. While one of these does not hold nothing goes on, however long it
// takes; a deleted pod's preStop hook sends its clients away first (lame duck).
//
// Pure functions of what was observed; nothing depends on what happened before, so a crash between
// any two steps is harmless.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/observe.h"
#include "operator/reconcile/plan.h"

namespace natrix::reconcile {

// Why and how a server differs from what its pod would be made as now.
struct Restart {
  std::string pod;
  model::ActionReason reason;
  std::string field;
  std::string message;
};

struct Rollout {
  int total = 0;    // servers there should be
  int updated = 0;  // of the newest revision and ready
  // Servers still to be replaced, the next one first.
  std::vector<Restart> pending;
  // Why the next step cannot be done now; empty: it can, or there is none.
  std::string waiting_for;
  // Some step is still to be done: a server to replace or to take away.
  bool under_way = false;
};

// What the servers themselves say; null when they were not asked in this pass.
struct Servers {
  const model::Cluster& cluster;
  const std::vector<Pod>& pods;
  const Reports* reports = nullptr;
};

// `set` is the StatefulSet, null when there is none.
Rollout make_rollout(const Servers& servers, const Json* set);

// True when the next step takes a server away that serves: only then the servers have to be asked.
bool takes_a_ready_server(const Rollout& rollout, const std::vector<Pod>& pods);

// Why the server with the highest number cannot be taken away now; empty: it can. The set must have
// more replicas than the cluster wants.
std::string scale_down_gate(const Servers& servers, const Json& set);

// The replicas to ask for now on the way to what the spec asks for: growing at once, shrinking by
// one server if `gate` is empty. `set` is null when there is none; its servers may have survived
// it, or the API server's answer was an old one: what `known` servers were last seen are kept for
// now.
int next_replicas(const model::Cluster& cluster, const Json* set, const std::vector<Pod>& pods,
                  int known, const std::string& gate);

}  // namespace natrix::reconcile
