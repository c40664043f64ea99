// One pass over one cluster; what ClusterReconciler runs. Lives on one worker thread's stack.
#pragma once

#include "operator/reconcile/cluster_reconciler.h"
#include "operator/reconcile/events.h"
#include "operator/reconcile/execute.h"
#include "operator/reconcile/observe.h"
#include "operator/reconcile/recorder.h"
#include "operator/reconcile/rollout.h"
#include "operator/reconcile/status.h"

namespace natrix::reconcile {

struct ClusterReconciler::Memory {
  Normalised normalised;
  // The servers' latest answers, and from which pods they came when.
  Reports reports;
  std::vector<brokerapi::ServerAddress> servers;
  std::string reported_pods;
  ops::Time reported_at{};
  // Passes in a row that ended in an error which may pass by itself.
  int failures = 0;
  // What was last said in the log about what keeps passes from doing their work.
  std::string logged_problem;
  // The last pass left nothing to be done and nothing under way. What it saw then.
  struct Rest {
    Versions versions;
    std::string set_uid;
    size_t pods = 0;
    ops::Time since{};
    std::chrono::milliseconds next_look{0};
  };
  std::optional<Rest> rest;
  bool missed = false;  // at rest, a server did not answer the last time it was asked
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
  void decide_config();
  [[nodiscard]] ConfigInput config_input() const;
  [[nodiscard]] bool reload_pending() const;
  bool act();  // execute; true: decide again, there is more to do
  // The rolling change: at most one server is replaced or taken away in a pass (pass_rollout.cc).
  void limit_replicas();
  void roll();
  void restart(const Restart& step);
  void ask_servers();
  void ask_now();
  Outcome report();

  // The cluster could not even be looked at.
  Outcome give_up();
  void log_problems();
  void note_failed(const Action& action, const kube::ApiError& error);
  void note_error(const kube::ApiError& error, const std::string& doing);
  Outcome write_status(const Json& status, Outcome outcome);
  void publish(const std::vector<Event>& events);
  [[nodiscard]] std::chrono::milliseconds next_look(const StatusResult& result) const;
  [[nodiscard]] bool at_rest(const StatusResult& result) const;
  void note_rest(std::chrono::milliseconds next);
  [[nodiscard]] const Json* previous_status() const;
  // The cluster's own StatefulSet; null: there is none.
  [[nodiscard]] const Json* own_set() const;
  [[nodiscard]] bool is_stale() const;
  [[nodiscard]] bool may_write() const;

  ClusterReconciler& owner_;
  ClusterReconciler::Memory& memory_;
  Recorder api_;
  const Json object_;
  model::Cluster cluster_;  // only name and owner when the spec is not valid
  bool valid_ = false;
  Observed observed_;
  std::string revision_;
  // Known once the Secrets were read and the children can be built.
  std::optional<brokerconf::Rendered> rendered_;
  brokerconf::Credentials routes_;
  std::vector<WantedCertificate> certificates_;
  std::optional<ConfigChange> change_;
  Plan plan_;
  std::vector<Action> waiting_;  // of the plan: approval or the cluster's state is waited for
  std::string approval_;         // the digest to approve, empty: nothing waits for that
  std::string scale_gate_;       // why no server can be taken away now
  Rollout rollout_;
  bool acted_ = false;  // something was written; what was observed may no longer be so
  bool asked_ = false;  // the servers, in this pass
  std::vector<Problem> problems_;
  // An error that may pass by itself: try again before saying anything.
  std::optional<kube::ApiError> transient_;
};

}  // namespace natrix::reconcile
