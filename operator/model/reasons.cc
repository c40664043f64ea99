#include "operator/model/reasons.h"

#include <cctype>

#include "broker/base/assert.h"

namespace natrix::model {

std::string_view name_of(ConditionType type) {
  switch (type) {
    case ConditionType::kReady:
      return "Ready";
    case ConditionType::kAvailable:
      return "Available";
    case ConditionType::kProgressing:
      return "Progressing";
    case ConditionType::kDegraded:
      return "Degraded";
    case ConditionType::kReconciled:
      return "Reconciled";
    case ConditionType::kConfigApplied:
      return "ConfigApplied";
    case ConditionType::kStalled:
      return "Stalled";
    case ConditionType::kPaused:
      return "Paused";
    case ConditionType::kPlanPending:
      return "PlanPending";
    case ConditionType::kRolloutBlocked:
      return "RolloutBlocked";
    case ConditionType::kStorageResizing:
      return "StorageResizing";
    case ConditionType::kCertificatesValid:
      return "CertificatesValid";
  }
  NATRIX_ASSERT(false, "condition type without a name");
  return "";
}

std::string_view name_of(Reason reason) {
  static constexpr std::array kNames = {
      // as they should be
      "AllServersReady",
      "ServersServing",
      "UpToDate",
      "AsExpected",
      "Success",
      "NotPaused",
      "NotStalled",
      "NothingPending",
      "NotBlocked",
      "NotResizing",
      "NoCertificates",
      // on the way
      "Creating",
      "ScalingUp",
      "ScalingDown",
      "RollingOut",
      "Starting",
      "FormingCluster",
      "WaitingForDeletion",
      "Paused",
      "WaitingForPodDeletion",
      "VolumesGrowing",
      "Reloading",
      "Renewing",
      // for somebody to look at
      "ServersNotReady",
      "ServerFailing",
      "RoutesMissing",
      "Unschedulable",
      "ImagePullFailing",
      "VolumePending",
      "WaitingForApproval",
      "RolloutStuck",
      "StorageResizeRefused",
      "SpecInvalid",
      "StorageImmutable",
      "NameConflict",
      "SecretMissing",
      "SecretInvalid",
      "CertificateInvalid",
      "CertificateExpired",
      "CertificateExpiring",
      "Forbidden",
      "Rejected",
      "ApiUnavailable",
  };
  static_assert(kNames.size() == static_cast<size_t>(kLastReason) + 1);
  return kNames.at(static_cast<size_t>(reason));
}

bool needs_action(Reason reason) {
  return reason >= Reason::kServersNotReady;
}

std::string runbook(Reason reason) {
  if (!needs_action(reason)) return "";
  std::string anchor;
  for (const char c : name_of(reason)) {
    anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return " (runbook: docs/runbooks/natscluster.md#" + anchor + ")";
}

std::string_view name_of(ActionReason reason) {
  static constexpr std::array kNames = {
      "Missing",      "Drift",      "SpecChanged",  "ReplicasChanged", "ConfigChanged",
      "ImageChanged", "PodChanged", "RestartAsked", "NotWanted",       "StorageGrown",
  };
  static_assert(kNames.size() == static_cast<size_t>(ActionReason::kStorageGrown) + 1);
  return kNames.at(static_cast<size_t>(reason));
}

}  // namespace natrix::model
