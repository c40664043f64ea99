// Claims and budgets: PersistentVolumeClaims are bound at once (the node agent makes a directory
// for each) and protected while a pod uses them; PodDisruptionBudgets get their status.
#pragma once

#include "operator/local/workload/objects.h"

namespace natrix::workload {

class ClaimController {
 public:
  explicit ClaimController(memory_api::ApiServer& server)
      : objects_(server, "persistentvolume-binder") {}
  void sync();

 private:
  void bind(Json claim);
  void release(Json claim);
  Objects objects_;
};

class BudgetController {
 public:
  explicit BudgetController(memory_api::ApiServer& server)
      : objects_(server, "disruption-controller") {}
  void sync();

 private:
  Objects objects_;
};

}  // namespace natrix::workload
