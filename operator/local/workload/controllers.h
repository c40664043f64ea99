// The built-in controllers of a cluster as one: what a kube-controller-manager does for the kinds
// the embedded mode offers.
//
// sync() is one pass of all of them over everything, for tests that step by hand; run() repeats it
// whenever something in the API changes, on the calling thread, until the ApiServer stops.
#pragma once

#include "operator/local/workload/claims.h"
#include "operator/local/workload/endpoints.h"
#include "operator/local/workload/stateful_set.h"

namespace natrix::workload {

class Controllers {
 public:
  explicit Controllers(memory_api::ApiServer& server)
      : server_(server), sets_(server), endpoints_(server), claims_(server), budgets_(server) {}

  void sync() {
    sets_.sync();
    claims_.sync();
    endpoints_.sync();
    budgets_.sync();
  }

  void run();

 private:
  memory_api::ApiServer& server_;
  StatefulSetController sets_;
  EndpointsController endpoints_;
  ClaimController claims_;
  BudgetController budgets_;
};

}  // namespace natrix::workload
