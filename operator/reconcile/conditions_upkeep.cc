// The conditions about changes of a running cluster.
#include <fmt/format.h>

#include "operator/base/timestamp.h"
#include "operator/model/labels.h"
#include "operator/reconcile/conditions.h"
#include "operator/reconcile/storage.h"

namespace natrix::reconcile {

using model::ConditionType;
using model::Reason;

Condition plan_pending_condition(const StatusInput& input) {
  if (!input.approval.empty()) {
    return make_condition(
        ConditionType::kPlanPending, true, Reason::kWaitingForApproval,
        fmt::format("status.plan disturbs servers and waits for the annotation {}={}",
                    model::kApproveAnnotation, input.approval));
  }
  const bool by_hand = input.cluster != nullptr && input.rollout != nullptr &&
                       input.cluster->spec.update_strategy.type == model::UpdateType::kOnDelete &&
                       !input.rollout->pending.empty();
  if (by_hand) {
    return make_condition(
        ConditionType::kPlanPending, true, Reason::kWaitingForPodDeletion,
        fmt::format("updateStrategy is OnDelete: {} pods take up the change when they are deleted, "
                    "{} first",
                    input.rollout->pending.size(), input.rollout->pending.front().pod));
  }
  return make_condition(ConditionType::kPlanPending, false, Reason::kNothingPending,
                        "no change waits for somebody");
}

Condition rollout_blocked_condition(const StatusInput& input, const std::string& since) {
  const auto no = [](const char* message) {
    return make_condition(ConditionType::kRolloutBlocked, false, Reason::kNotBlocked, message);
  };
  if (input.cluster == nullptr || input.rollout == nullptr || !input.rollout->under_way ||
      input.rollout->waiting_for.empty() || input.cluster->spec.paused ||
      input.cluster->spec.update_strategy.type == model::UpdateType::kOnDelete) {
    return no("no rolling change is held up");
  }
  const auto begin = ops::parse_time(since);
  if (!begin || input.now - *begin < input.cluster->spec.update_strategy.settle_timeout) {
    return no("the rolling change goes on");
  }
  const std::string next = input.rollout->pending.empty() ? "" : input.rollout->pending.front().pod;
  return make_condition(
      ConditionType::kRolloutBlocked, true, Reason::kRolloutStuck,
      fmt::format("{}waits since {} for {}", next.empty() ? "" : "the restart of " + next + " ",
                  since, input.rollout->waiting_for));
}

Condition storage_condition(const StatusInput& input) {
  const bool has_storage = input.cluster != nullptr && input.cluster->spec.storage;
  const std::vector<std::string> left =
      has_storage ? growing(input.claims, input.cluster->spec.storage->size)
                  : std::vector<std::string>();
  if (left.empty()) {
    return make_condition(ConditionType::kStorageResizing, false, Reason::kNotResizing,
                          "no volume is growing");
  }
  return make_condition(ConditionType::kStorageResizing, true, Reason::kVolumesGrowing,
                        fmt::format("claim {}", fmt::join(left, "; claim ")));
}

}  // namespace natrix::reconcile
