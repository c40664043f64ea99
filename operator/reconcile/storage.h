// Volumes that grow in place.
//
// Two steps, each safe to repeat: the claims of the servers are patched to the new size; when all
// are, the StatefulSet, whose claim templates cannot change, is deleted without its pods and made
// anew around them. No pod restarts. No claim is ever deleted: a set that would take its claims
// along (whenDeleted: Delete) is told to keep them first, and is not touched before the claims show
// that they no longer belong to it. Pure.
#pragma once

#include "operator/reconcile/plan.h"

namespace natrix::reconcile {

// A difference of a StatefulSet that is nothing but larger volumes.
bool is_growth(const Difference& difference);

// What is to be done to claims that ask for less than `size`.
std::vector<Action> claim_growth(const std::vector<Claim>& claims, const std::string& size);

// The next step to a StatefulSet with larger claim templates; nothing: wait.
std::optional<Action> recreation(const ChildKey& key, const Json& live,
                                 const std::vector<Claim>& claims, const std::string& size);

// The time servers have for their start grows with the volume. That alone is no reason to restart
// them: takes the live value over into `wanted` if nothing else of the pods would change.
void keep_startup_budget(Json& wanted, const Json& live);
// The same for a StatefulSet that is made anew around servers with this failureThreshold (0: there
// are none).
void keep_startup_budget(Json& wanted, int64_t failures);

// What can be changed on a live StatefulSet whose volumes are to grow: `wanted` with the live size
// of the volumes and the live rule about their deletion.
void keep_volumes(Json& wanted, const Json& live);

// Claims that are not yet as large as asked for: "data-nats-0 has 1Gi of 2Gi".
std::vector<std::string> growing(const std::vector<Claim>& claims, const std::string& size);

}  // namespace natrix::reconcile
