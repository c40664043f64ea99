#include "operator/reconcile/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/model/digest.h"
#include "operator/model/labels.h"
#include "operator/reconcile/storage.h"

namespace natrix::reconcile {

namespace {

using model::ActionReason;
using model::Reason;

constexpr const char* kAppliedPath = "metadata.annotations[natrix.dev/applied-digest]";
constexpr const char* kGenerationPath = "metadata.annotations[natrix.dev/generation]";
constexpr const char* kTargetPath = "metadata.annotations[natrix.dev/target-replicas]";

std::string applied_digest(const Json& object) {
  return string_at(object, {"metadata", "annotations", model::kAppliedAnnotation});
}

const Json& controller_of(const Json& object) {
  static const Json kNull;
  for (const Json& owner : at(object, {"metadata", "ownerReferences"})) {
    if (member(owner, "controller") == true) return owner;
  }
  return kNull;
}

// An object that somebody orphaned (kubectl delete --cascade=orphan) still carries our labels.
bool is_orphan_of(const Json& object, const model::Cluster& cluster) {
  return string_at(object, {"metadata", "labels", model::kManagedByLabel}) == model::kManager &&
         string_at(object, {"metadata", "labels", model::kClusterLabel}) == cluster.name;
}

// The parts of a StatefulSet that no update can change.
std::optional<Problem> immutable_change(const ChildKey& key, const Difference& difference) {
  if (key.kind != resource::Kind::kStatefulSet) return std::nullopt;
  if (is_below(difference.path, "spec.volumeClaimTemplates") && !is_growth(difference)) {
    return Problem{
        Reason::kStorageImmutable,
        fmt::format("spec.storage cannot be added or removed, shrink or change its class "
                    "on an existing cluster: {} has {}",
                    text_of(key), text_of(difference, false))};
  }
  if (is_below(difference.path, "spec.serviceName")) {
    return Problem{Reason::kSpecInvalid,
                   "spec.service.type cannot change to or from Headless on an existing cluster: " +
                       text_of(difference, false)};
  }
  for (const char* field : {"spec.selector", "spec.podManagementPolicy"}) {
    if (is_below(difference.path, field)) {
      return Problem{Reason::kNameConflict, fmt::format("{} cannot be taken over: {}", text_of(key),
                                                        text_of(difference, false))};
    }
  }
  return std::nullopt;
}

// What a change of a StatefulSet means for the servers.
Change describe_servers(const Difference& difference, ActionReason otherwise) {
  const std::string& path = difference.path;
  Change out{otherwise, path, true, text_of(difference, false)};
  if (path == "spec.replicas") {
    out.reason = ActionReason::kReplicasChanged;
    out.disruptive = difference.live.is_number() && difference.wanted.is_number() &&
                     difference.wanted < difference.live;
  } else if (path == "spec.template.spec.containers[nats].image") {
    out.reason = ActionReason::kImageChanged;
    out.message += "; the servers restart one by one";
  } else if (path ==
             std::string("spec.template.metadata.annotations[") + model::kConfigAnnotation + "]") {
    out.reason = ActionReason::kConfigChanged;
    out.message =
        "the servers' configuration changed; they read it only at their start, so they restart one "
        "by one";
  } else if (path ==
             std::string("spec.template.metadata.annotations[") + model::kRestartAnnotation + "]") {
    out.reason = ActionReason::kRestartAsked;
  } else if (is_below(path, "spec.template")) {
    out.reason = ActionReason::kPodChanged;
    out.message += "; the servers restart one by one";
  } else {
    out.disruptive = false;
  }
  return out;
}

class Planner {
 public:
  Planner(const model::Cluster& cluster, const LiveChildren& live, const Normalised& normalised,
          const std::vector<Claim>& claims, int64_t surviving_startup_failures)
      : cluster_(cluster),
        live_(live),
        normalised_(normalised),
        claims_(claims),
        surviving_startup_failures_(surviving_startup_failures) {}

  Plan plan;

  void create(const resource::Child& child) {
    const ChildKey key{child.kind, child.name};
    Action action{Action::Verb::kCreate, key, child.object};
    action.replan = true;
    action.changes.push_back({ActionReason::kMissing, "", false, text_of(key) + " does not exist"});
    plan.actions.push_back(std::move(action));
  }

  void apply(const resource::Child& child) {
    const ChildKey key{child.kind, child.name};
    const auto found = live_.find(key);
    Action action{Action::Verb::kApply, key, child.object};
    const bool set = child.kind == resource::Kind::kStatefulSet;
    if (found == live_.end()) {
      if (set) keep_startup_budget(action.object, surviving_startup_failures_);
      action.changes.push_back(
          {ActionReason::kMissing, "", false, text_of(key) + " does not exist"});
      plan.actions.push_back(std::move(action));
      return;
    }
    const Json& live = found->second;
    if (auto problem = ownership_problem(key, live, cluster_)) {
      plan.problems.push_back(std::move(*problem));
      return;
    }
    if (set) keep_startup_budget(action.object, live);
    action.differences = relevant(action.object, live);
    const std::string digest = applied_digest(child.object);
    if (action.differences.empty() || normalised_.covers(key, digest, action.differences)) return;
    for (const Difference& difference : action.differences) {
      if (auto problem = immutable_change(key, difference)) {
        plan.problems.push_back(std::move(*problem));
        return;
      }
    }
    if (std::any_of(action.differences.begin(), action.differences.end(), is_growth) &&
        !set_growth_aside(action, live)) {
      grow(key, live);
      return;
    }
    describe(action, digest == applied_digest(live));
    // Optimistic locking: what was decided on is what is changed.
    if (set) {
      action.object["metadata"]["resourceVersion"] =
          string_at(live, {"metadata", "resourceVersion"});
    }
    plan.actions.push_back(std::move(action));
  }

  // Volumes first; last, for it may be refused.
  void grow_claims() {
    if (!cluster_.spec.storage) return;
    for (Action& action : claim_growth(claims_, cluster_.spec.storage->size)) {
      plan.actions.push_back(std::move(action));
    }
  }

  void remove(const resource::Unwanted& unwanted) {
    const ChildKey key{unwanted.kind, unwanted.name};
    const auto found = live_.find(key);
    if (found == live_.end()) return;
    const Json& live = found->second;
    // Not ours, or already going: nothing to do and nothing to complain about.
    if (ownership_problem(key, live, cluster_)) return;
    Action action{Action::Verb::kDelete, key, nullptr};
    action.uid = string_at(live, {"metadata", "uid"});
    action.resource_version = string_at(live, {"metadata", "resourceVersion"});
    action.changes.push_back(
        {ActionReason::kNotWanted, "", false, text_of(key) + " is switched off in the spec"});
    plan.actions.push_back(std::move(action));
  }

 private:
  // For which spec the rest was written is no reason to write.
  static std::vector<Difference> relevant(const Json& wanted, const Json& live) {
    std::vector<Difference> out = differences(wanted, live);
    std::erase_if(out, [](const Difference& d) { return d.path == kGenerationPath; });
    return out;
  }

  // Everything else comes before the volumes, on its own terms. False: there is nothing else.
  static bool set_growth_aside(Action& action, const Json& live) {
    keep_volumes(action.object, live);
    action.differences = relevant(action.object, live);
    return std::any_of(action.differences.begin(), action.differences.end(),
                       [](const Difference& d) { return d.path != kAppliedPath; });
  }

  // The claim templates of a StatefulSet cannot change: it is made anew around its pods, once the
  // claims themselves have been changed.
  void grow(const ChildKey& key, const Json& live) {
    if (!claim_growth(claims_, cluster_.spec.storage->size).empty()) return;
    if (auto step = recreation(key, live, claims_, cluster_.spec.storage->size)) {
      plan.actions.push_back(std::move(*step));
    }
  }

  static void describe(Action& action, bool drifted) {
    const bool servers = action.target.kind == resource::Kind::kStatefulSet;
    const bool secret = action.target.kind == resource::Kind::kSecret;
    const ActionReason reason = drifted ? ActionReason::kDrift : ActionReason::kSpecChanged;
    for (const Difference& difference : action.differences) {
      // The digest always changes along; it is only news when nothing else did.
      if (difference.path == kAppliedPath && action.differences.size() > 1) continue;
      if (difference.path == kTargetPath) continue;
      Change change = servers ? describe_servers(difference, reason)
                              : Change{reason, difference.path, false, text_of(difference, secret)};
      // On the way down one server at a time the set has more than is wanted, and rightly so.
      if (drifted && change.reason != ActionReason::kReplicasChanged)
        change.reason = ActionReason::kDrift;
      action.changes.push_back(std::move(change));
    }
    // The way to another number of servers ends early: at the number there is.
    if (action.changes.empty()) {
      const Difference& last = action.differences.back();
      action.changes.push_back(
          {ActionReason::kReplicasChanged, last.path, false, text_of(last, secret)});
    }
    std::stable_sort(
        action.changes.begin(), action.changes.end(),
        [](const Change& a, const Change& b) { return a.disruptive && !b.disruptive; });
  }

  const model::Cluster& cluster_;
  const LiveChildren& live_;
  const Normalised& normalised_;
  const std::vector<Claim>& claims_;
  const int64_t surviving_startup_failures_;
};

// A step of a removal that was accepted as a whole before is nothing new.
bool needs_approval(const Action& action) {
  const bool new_target =
      std::any_of(action.differences.begin(), action.differences.end(),
                  [](const Difference& difference) { return difference.path == kTargetPath; });
  return std::any_of(action.changes.begin(), action.changes.end(), [&](const Change& change) {
    return change.disruptive && (change.reason != ActionReason::kReplicasChanged || new_target);
  });
}

bool reaches_servers(const Action& action) {
  return action.target.kind == resource::Kind::kStatefulSet ||
         action.target.kind == resource::Kind::kConfigMap ||
         action.target.kind == resource::Kind::kSecret;
}

std::string signature(const std::string& applied_digest, const std::vector<Difference>& found) {
  Json out = Json::array({applied_digest});
  for (const Difference& difference : found) {
    out.push_back(Json::array({difference.path, difference.live, difference.wanted}));
  }
  return model::digest_of(out);
}

}  // namespace

std::optional<Problem> ownership_problem(const ChildKey& key, const Json& live,
                                         const model::Cluster& cluster) {
  if (!at(live, {"metadata", "deletionTimestamp"}).is_null()) {
    return Problem{Reason::kWaitingForDeletion,
                   text_of(key) + " is being deleted; waiting until its name is free"};
  }
  const Json& owner = controller_of(live);
  if (owner.is_null()) {
    if (is_orphan_of(live, cluster)) return std::nullopt;
    return Problem{Reason::kNameConflict,
                   text_of(key) +
                       " exists and was not made for this NatsCluster; rename or remove it, "
                       "or give the NatsCluster another name"};
  }
  if (string_at(owner, {"uid"}) == cluster.uid) return std::nullopt;
  // Left over from a cluster of the same name; the garbage collector is on its way.
  const bool predecessor =
      string_at(owner, {"kind"}) == model::kKind && string_at(owner, {"name"}) == cluster.name;
  return Problem{
      predecessor ? Reason::kWaitingForDeletion : Reason::kNameConflict,
      fmt::format("{} belongs to {} {} (uid {})", text_of(key), string_at(owner, {"kind"}),
                  string_at(owner, {"name"}), string_at(owner, {"uid"}))};
}

bool Action::disruptive() const {
  return std::any_of(changes.begin(), changes.end(), [](const Change& c) { return c.disruptive; });
}

std::string Plan::digest() const {
  if (actions.empty()) return "";
  Json out = Json::array();
  for (const Action& action : actions) {
    for (const Change& change : action.changes) {
      out.push_back(Json::array({static_cast<int>(action.verb), text_of(action.target),
                                 model::name_of(change.reason), change.field, change.message}));
    }
  }
  return model::digest_of(out).substr(0, 16);
}

void Normalised::remember(const ChildKey& key, const std::string& applied_digest,
                          const std::vector<Difference>& remaining) {
  if (remaining.empty()) {
    signatures_.erase(key);
  } else {
    signatures_[key] = signature(applied_digest, remaining);
  }
}

bool Normalised::covers(const ChildKey& key, const std::string& applied_digest,
                        const std::vector<Difference>& found) const {
  const auto known = signatures_.find(key);
  return known != signatures_.end() && known->second == signature(applied_digest, found);
}

Plan make_plan(const model::Cluster& cluster, const Wanted& wanted, const LiveChildren& live,
               const Normalised& normalised, const std::vector<Claim>& claims) {
  Planner planner(cluster, live, normalised, claims, wanted.surviving_startup_failures);
  if (wanted.routes_secret) planner.create(*wanted.routes_secret);
  for (const resource::Child& child : wanted.children) planner.apply(child);
  for (const resource::Unwanted& unwanted : wanted.unwanted) planner.remove(unwanted);
  planner.grow_claims();
  return std::move(planner.plan);
}

std::vector<Action> hold_for_approval(Plan& plan, const std::string& approved) {
  if (std::none_of(plan.actions.begin(), plan.actions.end(), needs_approval)) return {};
  const auto middle = std::stable_partition(plan.actions.begin(), plan.actions.end(),
                                            [](const Action& a) { return !reaches_servers(a); });
  Plan held;
  held.actions.assign(std::make_move_iterator(middle), std::make_move_iterator(plan.actions.end()));
  if (held.digest() == approved) {
    // Nothing was moved out but the contents: put them back.
    std::move(held.actions.begin(), held.actions.end(), middle);
    return {};
  }
  plan.actions.erase(middle, plan.actions.end());
  return std::move(held.actions);
}

}  // namespace natrix::reconcile
