#include "operator/local/workload/stateful_set.h"

#include <charconv>

#include "operator/base/timestamp.h"
#include "operator/local/memory_api/selector.h"
#include "operator/local/workload/revisions.h"

namespace natrix::workload {

using kube::kPersistentVolumeClaims;
using kube::kPods;
using kube::kStatefulSets;

namespace {

constexpr const char* kRevisionLabel = "controller-revision-hash";

std::string pod_name(const Json& set, int64_t ordinal) {
  return fmt::format("{}-{}", name_of(set), ordinal);
}

// The ordinal of a pod of this set by its name; nothing for other names.
std::optional<int64_t> ordinal_of(const Json& set, const std::string& pod) {
  const std::string prefix = name_of(set) + "-";
  if (!pod.starts_with(prefix)) return std::nullopt;
  int64_t ordinal = 0;
  const char* end = pod.data() + pod.size();
  const auto [stop, error] = std::from_chars(pod.data() + prefix.size(), end, ordinal);
  if (error != std::errc() || stop != end || ordinal < 0) return std::nullopt;
  return ordinal;
}

std::string claim_name(const Json& claim, const std::string& pod) {
  return name_of(claim) + "-" + pod;
}

std::string revision_of(const Json& pod) {
  return text(pod, {"metadata", "labels", kRevisionLabel});
}

bool ended(const Json& pod) {
  const std::string phase = text(pod, {"status", "phase"});
  return phase == "Failed" || phase == "Succeeded";
}

bool available(const Json& pod, int64_t min_ready_seconds) {
  if (!pod_ready(pod)) return false;
  if (min_ready_seconds <= 0) return true;
  for (const Json& condition : member(pod, {"status", "conditions"})) {
    if (text(condition, {"type"}) != "Ready") continue;
    const auto since = ops::parse_time(text(condition, {"lastTransitionTime"}));
    return since &&
           std::chrono::system_clock::now() - *since >= std::chrono::seconds(min_ready_seconds);
  }
  return false;
}

// One pass over one StatefulSet.
class Pass {
 public:
  Pass(Objects& objects, Json set) : objects_(objects), set_(std::move(set)) {}

  void run() {
    read_pods();
    std::optional<Revisions> revisions = find_revisions(objects_, set_, all_);
    if (!revisions) return;
    revisions_ = std::move(*revisions);
    current_ = name_of(revisions_.current);
    update_ = name_of(revisions_.update);
    replicas_ = integer(set_, {"spec", "replicas"});
    start_ = integer(set_, {"spec", "ordinals", "start"});
    ordered_ = text(set_, {"spec", "podManagementPolicy"}) != "Parallel";
    keep_claims();
    if (make_pods() && remove_condemned()) roll();
    write_status();
  }

 private:
  void read_pods() {
    auto selector = memory_api::LabelSelector::from_json(member(set_, {"spec", "selector"}));
    for (Json& pod : objects_.list(kPods, ns_of(set_))) {
      const std::string owner = controller_uid(pod);
      const std::optional<int64_t> ordinal = ordinal_of(set_, name_of(pod));
      if (!ordinal || !selector || !selector->matches(pod)) continue;
      if (owner.empty() && !deleting(pod)) {
        pod["metadata"]["ownerReferences"].push_back(controller_reference(set_));
        if (!objects_.update(kPods, pod)) continue;
      } else if (owner != uid_of(set_)) {
        continue;
      }
      all_.push_back(pod);
      pods_[*ordinal] = pod;
    }
  }

  [[nodiscard]] bool wanted(int64_t ordinal) const {
    return ordinal >= start_ && ordinal < start_ + replicas_;
  }

  [[nodiscard]] int64_t partition() const {
    return integer(set_, {"spec", "updateStrategy", "rollingUpdate", "partition"});
  }

  // A new pod below the partition is made as it was before.
  [[nodiscard]] const Json& revision_for(int64_t ordinal) const {
    return ordinal < start_ + partition() ? revisions_.current : revisions_.update;
  }

  Json make_pod(int64_t ordinal) const {
    const Json& revision = revision_for(ordinal);
    const std::string name = pod_name(set_, ordinal);
    const Json& made_from = member(revision, {"data", "spec", "template"});
    Json pod = {{"metadata", member(made_from, {"metadata"})},
                {"spec", member(made_from, {"spec"})}};
    if (!pod["metadata"].is_object()) pod["metadata"] = Json::object();
    Json& metadata = pod["metadata"];
    metadata["name"] = name;
    metadata["namespace"] = ns_of(set_);
    metadata["labels"][kRevisionLabel] = name_of(revision);
    metadata["labels"]["statefulset.kubernetes.io/pod-name"] = name;
    metadata["labels"]["apps.kubernetes.io/pod-index"] = std::to_string(ordinal);
    metadata["ownerReferences"] = Json::array({controller_reference(set_)});
    pod["spec"]["hostname"] = name;
    pod["spec"]["subdomain"] = text(set_, {"spec", "serviceName"});
    Json volumes = Json::array();
    for (const Json& claim : member(set_, {"spec", "volumeClaimTemplates"})) {
      volumes.push_back({{"name", name_of(claim)},
                         {"persistentVolumeClaim", {{"claimName", claim_name(claim, name)}}}});
    }
    for (const Json& volume : member(pod, {"spec", "volumes"})) {
      const bool replaced = std::any_of(volumes.begin(), volumes.end(), [&](const Json& claim) {
        return claim["name"] == volume["name"];
      });
      if (!replaced) volumes.push_back(volume);
    }
    if (!volumes.empty()) pod["spec"]["volumes"] = volumes;
    return pod;
  }

  void make_claims(const std::string& pod) {
    for (const Json& wanted_claim : member(set_, {"spec", "volumeClaimTemplates"})) {
      const std::string name = claim_name(wanted_claim, pod);
      if (objects_.get(kPersistentVolumeClaims, ns_of(set_), name)) continue;
      Json claim = {{"metadata", wanted_claim["metadata"]}, {"spec", wanted_claim["spec"]}};
      claim["metadata"]["name"] = name;
      claim["metadata"]["namespace"] = ns_of(set_);
      for (const auto& label : member(set_, {"spec", "selector", "matchLabels"}).items()) {
        claim["metadata"]["labels"][label.key()] = label.value();
      }
      if (objects_.create(kPersistentVolumeClaims, claim)) {
        objects_.record(set_, "Normal", "SuccessfulCreate",
                        fmt::format("create Claim {} Pod {} in StatefulSet {} success", name, pod,
                                    name_of(set_)));
      }
    }
  }

  // persistentVolumeClaimRetentionPolicy: Delete is an owner reference, to the set or to the pod
  // that is about to go; Retain takes it away again.
  void keep_claims() {
    const Json& policy = member(set_, {"spec", "persistentVolumeClaimRetentionPolicy"});
    for (const auto& [ordinal, pod] : pods_) {
      const bool by_set = text(policy, {"whenDeleted"}) == "Delete";
      const bool by_pod = text(policy, {"whenScaled"}) == "Delete" && !wanted(ordinal);
      for (const Json& wanted_claim : member(set_, {"spec", "volumeClaimTemplates"})) {
        const std::string name = claim_name(wanted_claim, name_of(pod));
        std::optional<Json> claim = objects_.get(kPersistentVolumeClaims, ns_of(set_), name);
        if (!claim) continue;
        Json owners = Json::array();
        for (const Json& owner : member(*claim, {"metadata", "ownerReferences"})) {
          if (owner["uid"] != uid_of(set_) && owner["uid"] != uid_of(pod)) owners.push_back(owner);
        }
        if (by_set) owners.push_back(plain_reference(set_));
        if (by_pod) owners.push_back(plain_reference(pod));
        if (owners == claim->at("metadata").value("ownerReferences", Json::array())) continue;
        (*claim)["metadata"]["ownerReferences"] = owners;
        objects_.update(kPersistentVolumeClaims, *claim);
      }
    }
  }

  static Json plain_reference(const Json& owner) {
    Json reference = controller_reference(owner);
    reference.erase("controller");
    reference.erase("blockOwnerDeletion");
    return reference;
  }

  // Every wanted ordinal has a pod; false: wait before anything else is done.
  bool make_pods() {
    for (int64_t ordinal = start_; ordinal < start_ + replicas_; ++ordinal) {
      const auto found = pods_.find(ordinal);
      if (found != pods_.end() && ended(found->second) && !deleting(found->second)) {
        objects_.remove(kPods, found->second);
        if (ordered_) return false;
        continue;
      }
      if (found == pods_.end()) {
        make_claims(pod_name(set_, ordinal));
        const std::optional<Json> made = objects_.create(kPods, make_pod(ordinal));
        if (!made) {
          objects_.record(set_, "Warning", "FailedCreate",
                          fmt::format("create Pod {} in StatefulSet {} failed",
                                      pod_name(set_, ordinal), name_of(set_)));
          return false;
        }
        objects_.record(set_, "Normal", "SuccessfulCreate",
                        fmt::format("create Pod {} in StatefulSet {} successful", name_of(*made),
                                    name_of(set_)));
        pods_[ordinal] = *made;
        if (ordered_) return false;
        continue;
      }
      if (ordered_ && (deleting(found->second) ||
                       !available(found->second, integer(set_, {"spec", "minReadySeconds"})))) {
        return false;
      }
    }
    return true;
  }

  void remove_pod(Json& pod) {
    if (!objects_.remove(kPods, pod)) return;
    pod["metadata"]["deletionTimestamp"] = objects_.now();  // as the status counts it
    objects_.record(
        set_, "Normal", "SuccessfulDelete",
        fmt::format("delete Pod {} in StatefulSet {} successful", name_of(pod), name_of(set_)));
  }

  // Pods beyond the wanted number go, the highest first; false: wait for one that is going.
  bool remove_condemned() {
    for (auto it = pods_.rbegin(); it != pods_.rend(); ++it) {
      if (wanted(it->first)) continue;
      if (!deleting(it->second)) remove_pod(it->second);
      if (ordered_) return false;
    }
    return true;
  }

  // One pod of an old revision is replaced at a time, and only while all above it are well.
  void roll() {
    if (text(set_, {"spec", "updateStrategy", "type"}) == "OnDelete") return;
    for (int64_t ordinal = start_ + replicas_ - 1; ordinal >= start_ + partition(); --ordinal) {
      Json& pod = pods_[ordinal];
      if (revision_of(pod) != update_ && !deleting(pod)) {
        remove_pod(pod);
        return;
      }
      if (deleting(pod) || !available(pod, integer(set_, {"spec", "minReadySeconds"}))) return;
    }
  }

  void write_status() {
    int64_t ready = 0;
    int64_t able = 0;
    int64_t current = 0;
    int64_t updated = 0;
    for (const auto& [ordinal, pod] : pods_) {
      ready += pod_ready(pod) ? 1 : 0;
      able += available(pod, integer(set_, {"spec", "minReadySeconds"})) ? 1 : 0;
      if (deleting(pod)) continue;
      current += revision_of(pod) == current_ ? 1 : 0;
      updated += revision_of(pod) == update_ ? 1 : 0;
    }
    // The update is over when every pod has it and is well.
    if (current_ != update_ && updated == replicas_ && ready == replicas_ &&
        static_cast<int64_t>(pods_.size()) == replicas_) {
      current_ = update_;
      current = updated;
    }
    Json status = member(set_, {"status"});
    if (!status.is_object()) status = Json::object();
    status["observedGeneration"] = integer(set_, {"metadata", "generation"});
    status["replicas"] = pods_.size();
    status["readyReplicas"] = ready;
    status["availableReplicas"] = able;
    status["currentReplicas"] = current;
    status["updatedReplicas"] = updated;
    status["currentRevision"] = current_;
    status["updateRevision"] = update_;
    status["collisionCount"] = 0;
    objects_.update_status(kStatefulSets, set_, status);
  }

  Objects& objects_;
  Json set_;
  std::vector<Json> all_;
  std::map<int64_t, Json> pods_;
  Revisions revisions_;
  std::string current_;
  std::string update_;
  int64_t replicas_ = 0;
  int64_t start_ = 0;
  bool ordered_ = true;
};

}  // namespace

void StatefulSetController::sync() {
  for (Json& set : objects_.list(kStatefulSets)) {
    if (!deleting(set)) Pass(objects_, std::move(set)).run();
  }
}

}  // namespace natrix::workload
