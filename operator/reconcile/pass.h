// One pass over one cluster; what ClusterReconciler runs. Lives on one worker thread's stack.
#pragma once

#include "operator/reconcile/cluster_reconciler.h"
#include "operator/reconcile/events.h"
#include "operator/reconcile/execute.h"
#include "operator/reconcile/observe.h"
#include "operator/reconcile/status.h"

namespace natrix::reconcile {

struct ClusterReconciler::Memory {
  Normalised normalised;
  // The servers' latest answers, and for which pods they were given when.
  Reports reports;
  std::string reported_pods;
  ops::Time reported_at{};
  // Passes in a row that ended in an error which may pass by itself.
  int failures = 0;
};

class Pass {
 public:
  // `object` is the NatsCluster as the API server has it.
  Pass(ClusterReconciler& owner, ClusterReconciler::Memory& memory, Json object);
  Outcome run();

 private:
  void read_spec();
  bool look();    // observe, read Secrets; false: the API server would not say
  void decide();  // plan
  bool act();     // execute; true: decide again, there is more to do
  void ask_servers();
  Outcome report();

  // The cluster could not even be looked at.
  Outcome give_up();
  void note_error(const kube::ApiError& error, const std::string& doing);
  Outcome write_status(const Json& status, Outcome outcome);
  void publish(const std::vector<Event>& events);
  [[nodiscard]] std::chrono::milliseconds next_look(const StatusResult& result) const;
  [[nodiscard]] const Json* previous_status() const;

  ClusterReconciler& owner_;
  ClusterReconciler::Memory& memory_;
  const Json object_;
  model::Cluster cluster_;  // only name and owner when the spec is not valid
  bool valid_ = false;
  Observed observed_;
  std::string revision_;
  Plan plan_;
  std::vector<Problem> problems_;
  // An error that may pass by itself: try again before saying anything.
  std::optional<kube::ApiError> transient_;
};

}  // namespace natrix::reconcile
