// The plan: what has to be done so that the cluster becomes what its spec says, and why.
//
// make_plan() is a pure function of what is wanted and what is there. Carrying a plan out leads to
// a state whose plan is empty; a state whose plan is empty costs no write. Nothing here depends on
// what happened before, so a crash between any two actions is harmless.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/model/reasons.h"
#include "operator/reconcile/diff.h"
#include "operator/reconcile/types.h"
#include "operator/resource/children.h"

namespace natrix::reconcile {

// What exists of the children the operator wants or may want; absent ones are not in the map.
using LiveChildren = std::map<ChildKey, Json>;

struct Change {
  model::ActionReason reason;
  std::string field;        // the field that differs; empty for a whole object
  bool disruptive = false;  // servers restart or go away
  std::string message;
};

struct Action {
  enum class Verb {
    kCreate,  // refused by the API server if somebody else was faster
    kApply,   // server-side apply
    kDelete,
    kOrphan,  // kDelete that leaves what it owns: the next pass makes it anew around that
    kPatch,   // merge patch of an object that is not a child
  };
  Verb verb;
  ChildKey target;
  Json object;                   // kCreate, kApply, kPatch
  std::string uid;               // kDelete, kOrphan: exactly this object
  std::string resource_version;  // kDelete, kOrphan: in exactly this state
  std::vector<Change> changes;   // never empty
  // What follows was computed without the result of this action: plan again after it.
  bool replan = false;
  // Differences that were there before; kept to recognise what an API server will not take.
  std::vector<Difference> differences;

  [[nodiscard]] bool disruptive() const;
};

// A server's volume claim, reduced to what decisions and the status need.
struct Claim {
  std::string name;
  std::string uid;
  std::string resource_version;
  std::string requested;  // spec.resources.requests.storage
  std::string capacity;   // status.capacity.storage, empty until bound
  bool owned = false;     // by a StatefulSet, with which it would go
  bool deleting = false;
};

// What keeps the plan from being carried out until somebody acts.
struct Problem {
  model::Reason reason;
  std::string message;
};

struct Plan {
  std::vector<Action> actions;
  std::vector<Problem> problems;

  // Identifies the plan: the same actions for the same reasons. Empty for an empty plan.
  [[nodiscard]] std::string digest() const;
};

// What an API server made of an object it was sent, where that differs: differences that were still
// there right after an apply are its notation, not a reason to apply again.
class Normalised {
 public:
  void remember(const ChildKey& key, const std::string& applied_digest,
                const std::vector<Difference>& remaining);
  [[nodiscard]] bool covers(const ChildKey& key, const std::string& applied_digest,
                            const std::vector<Difference>& found) const;

 private:
  std::map<ChildKey, std::string> signatures_;
};

// Why the operator must keep its hands off an object that has the name of a child; nothing when it
// is the cluster's own, or was orphaned by an earlier life of it. Decided by the owner's uid.
std::optional<Problem> ownership_problem(const ChildKey& key, const Json& live,
                                         const model::Cluster& cluster);

struct Wanted {
  std::vector<resource::Child> children;
  std::vector<resource::Unwanted> unwanted;
  // Present when the operator has to make credentials for routes; the children were then built with
  // placeholders.
  std::optional<resource::Child> routes_secret;
  // Of servers that outlived their StatefulSet: what their startup probes allow, see storage.h.
  int64_t surviving_startup_failures = 0;
};

Plan make_plan(const model::Cluster& cluster, const Wanted& wanted, const LiveChildren& live,
               const Normalised& normalised, const std::vector<Claim>& claims = {});

// Takes out of `plan` and returns what waits for the user's approval: everything that reaches
// servers at their next start, if some of it restarts or removes one. `approved` is the digest the
// user has approved; what it names is not taken out.
std::vector<Action> hold_for_approval(Plan& plan, const std::string& approved);

}  // namespace natrix::reconcile
