// Carries a plan out, action by action, and stops at the first that fails.
#pragma once

#include "operator/reconcile/plan.h"

namespace natrix::reconcile {

struct Executed {
  std::vector<const Action*> done;  // in the plan
  // The action that failed and why; the pass ends there.
  const Action* failed = nullptr;
  std::optional<kube::ApiError> error;
  bool replan = false;  // stopped after an action that changes what comes after it
};

// Updates `live` by the API server's answers and `normalised` by what it made of the objects.
Executed execute(kube::Api& api, const std::string& ns, const Plan& plan, LiveChildren& live,
                 Normalised& normalised);

}  // namespace natrix::reconcile
