// The controller of NatsCluster: observe, plan, execute, report.
//
// One pass reads what is there, computes the plan (plan.h), carries it out unless the cluster is
// paused, and writes the status if it changed. A pass that finds everything as it should be writes
// nothing. Bad objects end in conditions, never in a crash.
//
// With a View, a cluster that was at rest and of which the watches show nothing new is not read
// again: only its Secrets, which are not watched, are, and its servers are asked. Once an hour all
// of it is read whatever the watches show.
//
// Safe from any thread as Reconciler demands it: one pass at a time for one cluster.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "operator/base/clock.h"
#include "operator/base/log.h"
#include "operator/brokerapi/broker_api.h"
#include "operator/kube/api.h"
#include "operator/reconcile/reconciler.h"
#include "operator/reconcile/view.h"

namespace natrix::reconcile {

struct ClusterReconcilerOptions {
  // For clusters whose spec names no image.
  std::string default_image = "natrix-broker:0.1.0";
  // Who reports Events: the name of the operator's pod.
  std::string instance = "natrix-operator";
  // How long one pass may wait for servers' answers.
  std::chrono::milliseconds broker_deadline{1000};
  // How often servers are asked although nothing changed.
  std::chrono::seconds broker_interval{60};
  // A pass for every cluster at least this often: repairs what no watch shows.
  std::chrono::seconds resync{300};
  // Secrets of users are not watched (that would take the right to read them all): clusters that
  // name one are looked at this often.
  std::chrono::seconds secret_resync{60};
};

class ClusterReconciler : public Reconciler {
 public:
  // All references must outlive the reconciler. `make_password` returns a fresh secret of letters
  // and digits.
  ClusterReconciler(kube::Api& api, brokerapi::BrokerApi& brokers, ops::Clock& clock, ops::Log& log,
                    ClusterReconcilerOptions options, std::function<std::string()> make_password);
  ~ClusterReconciler() override;

  // Before the first pass, if at all. Must outlive the reconciler's last pass.
  void use(const View& view) { view_ = &view; }

  Outcome reconcile(const std::string& ns, const std::string& name) override;

 private:
  struct Memory;  // what is kept of a cluster between passes; losing it costs a request or two

  // Nothing has changed since a pass that left the cluster at rest.
  bool still_at_rest(Memory& memory);
  std::shared_ptr<Memory> remember(const std::string& ns, const std::string& name);
  void forget(const std::string& ns, const std::string& name);

  friend class Pass;
  kube::Api& api_;
  brokerapi::BrokerApi& brokers_;
  ops::Clock& clock_;
  ops::Log& log_;
  const ClusterReconcilerOptions options_;
  const std::function<std::string()> make_password_;
  const View* view_ = nullptr;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Memory>> memories_;
};

// 32 letters and digits from the kernel's random source.
std::string random_password();

}  // namespace natrix::reconcile
