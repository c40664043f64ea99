// Every condition type and every reason a NatsCluster can show. One list, so that
// docs/runbooks/natscluster.md can have a section for each reason that asks somebody to act (a test
// compares the two).
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace natrix::model {

// All of them are present from the first pass on.
enum class ConditionType {
  kReady,              // every server runs the wanted configuration and serves clients
  kAvailable,          // at least one server serves clients
  kProgressing,        // servers are being created, scaled or replaced
  kDegraded,           // something is wrong with a server
  kReconciled,         // the last pass could do what it wanted
  kConfigApplied,      // every server runs the wanted configuration
  kStalled,            // nothing will change until somebody acts
  kPaused,             // spec.paused
  kPlanPending,        // changes wait for somebody: approval, or pods deleted by hand
  kRolloutBlocked,     // the next step of a rolling change has waited for too long
  kStorageResizing,    // volumes are growing
  kCertificatesValid,  // the certificates that the spec names can be used, and are
};
inline constexpr std::array kConditionTypes = {
    ConditionType::kReady,           ConditionType::kAvailable,
    ConditionType::kProgressing,     ConditionType::kDegraded,
    ConditionType::kReconciled,      ConditionType::kConfigApplied,
    ConditionType::kStalled,         ConditionType::kPaused,
    ConditionType::kPlanPending,     ConditionType::kRolloutBlocked,
    ConditionType::kStorageResizing, ConditionType::kCertificatesValid,
};
std::string_view name_of(ConditionType type);

enum class Reason {
  // All is well.
  kAllServersReady,
  kServersServing,
  kUpToDate,
  kAsExpected,
  kSuccess,
  kNotPaused,
  kNotStalled,
  kNothingPending,
  kNotBlocked,
  kNotResizing,
  kNoCertificates,
  // On the way.
  kCreating,
  kScalingUp,
  kScalingDown,
  kRollingOut,
  kStarting,
  kFormingCluster,
  kWaitingForDeletion,
  kPaused,
  kWaitingForPodDeletion,
  kVolumesGrowing,
  kReloading,
  kRenewing,
  // Somebody should look.
  kServersNotReady,
  kServerFailing,
  kRoutesMissing,
  kUnschedulable,
  kImagePullFailing,
  kVolumePending,
  kWaitingForApproval,
  kRolloutStuck,
  kStorageResizeRefused,
  kSpecInvalid,
  kStorageImmutable,
  kNameConflict,
  kSecretMissing,
  kSecretInvalid,
  kCertificateInvalid,
  kCertificateExpired,
  kCertificateExpiring,
  kForbidden,
  kRejected,
  kApiUnavailable,
};
inline constexpr Reason kLastReason = Reason::kApiUnavailable;
std::string_view name_of(Reason reason);
// True for the reasons of the third group.
bool needs_action(Reason reason);
// " (runbook: docs/runbooks/natscluster.md#servernotready)", empty when there is nothing to do.
std::string runbook(Reason reason);

// Why an action of the plan is there.
enum class ActionReason {
  kMissing,          // the object does not exist
  kDrift,            // somebody changed what the operator set
  kSpecChanged,      // the spec asks for something else
  kReplicasChanged,  // spec.replicas
  kConfigChanged,    // the servers' configuration, read only at start
  kImageChanged,
  kPodChanged,    // another part of the pod template
  kRestartAsked,  // the annotation natrix.dev/restart
  kNotWanted,     // switched off in the spec
  kStorageGrown,  // spec.storage.size
};
std::string_view name_of(ActionReason reason);

}  // namespace natrix::model
