#include "operator/reconcile/events.h"

#include <fmt/format.h>

#include "operator/base/timestamp.h"
#include "operator/model/digest.h"
#include "operator/model/labels.h"
#include "operator/model/text.h"

namespace natrix::reconcile {

namespace {

using model::ConditionType;

constexpr size_t kLongestNote = 1000;  // the API server takes 1024 bytes

// Which transitions are news: becoming ready and losing it, faults, blocked passes, pauses.
std::optional<bool> is_warning(ConditionType type, const std::string& before,
                               const std::string& after) {
  const bool known = before == "True" || before == "False";
  switch (type) {
    case ConditionType::kReady:
      if (after == "True") return false;
      return known ? std::optional<bool>(false) : std::nullopt;
    case ConditionType::kAvailable:
      if (after == "True") return false;
      return before == "True" ? std::optional<bool>(true) : std::nullopt;
    case ConditionType::kDegraded:
    case ConditionType::kStalled:
    case ConditionType::kRolloutBlocked:
      if (after == "True") return true;
      return before == "True" ? std::optional<bool>(false) : std::nullopt;
    case ConditionType::kCertificatesValid:
      if (after == "False") return true;
      return before == "False" ? std::optional<bool>(false) : std::nullopt;
    case ConditionType::kPaused:
    case ConditionType::kPlanPending:
      if (after == "True" || before == "True") return false;
      return std::nullopt;
    case ConditionType::kProgressing:
    case ConditionType::kReconciled:
    case ConditionType::kStorageResizing:
    case ConditionType::kConfigApplied:
      return std::nullopt;  // these come with one of the others
  }
  return std::nullopt;
}

std::string transition_key(const Json* previous, ConditionType type) {
  if (previous == nullptr) return std::string(name_of(type));
  for (const Json& condition : member(*previous, "conditions")) {
    if (string_at(condition, {"type"}) == name_of(type)) {
      return fmt::format("{}@{}", name_of(type), string_at(condition, {"lastTransitionTime"}));
    }
  }
  return std::string(name_of(type));
}

std::string joined_messages(const Action& action) {
  std::string out;
  for (const Change& change : action.changes) out += (out.empty() ? "" : "; ") + change.message;
  return out;
}

}  // namespace

std::vector<Event> transition_events(const Json* previous, const std::vector<Condition>& now) {
  static const Json kNothing = Json::object();
  const Json& before = previous == nullptr ? kNothing : *previous;
  std::vector<Event> out;
  for (const Condition& condition : now) {
    const std::string old_status = condition_status(before, condition.type);
    if (old_status == condition.status) continue;
    const auto warning = is_warning(condition.type, old_status, condition.status);
    if (!warning) continue;
    out.push_back({*warning, std::string(name_of(condition.reason)),
                   fmt::format("{}{}", name_of(condition.type), condition.status),
                   condition.message, transition_key(previous, condition.type)});
  }
  return out;
}

std::vector<Event> action_events(const std::vector<const Action*>& done) {
  std::vector<Event> out;
  std::string created;
  for (const Action* action : done) {
    const model::ActionReason reason = action->changes.front().reason;
    if (reason == model::ActionReason::kMissing) {
      created += (created.empty() ? "" : ", ") + text_of(action->target);
      continue;
    }
    const bool removed = action->verb == Action::Verb::kDelete;
    const std::string digest =
        string_at(action->object, {"metadata", "annotations", model::kAppliedAnnotation});
    out.push_back({false, std::string(name_of(reason)), removed ? "Delete" : "Apply",
                   text_of(action->target) + ": " + joined_messages(*action),
                   digest + action->uid});
  }
  if (!created.empty()) out.push_back({false, "Created", "Apply", "created " + created, "created"});
  return out;
}

Json event_document(const Event& event, const Json& regarding, const std::string& instance,
                    ops::WallTime now) {
  const std::string name = string_at(regarding, {"metadata", "name"});
  const std::string uid = string_at(regarding, {"metadata", "uid"});
  const std::string digest =
      model::digest_of(Json::array({uid, event.reason, event.action, event.note, event.key}));
  return {{"apiVersion", "events.k8s.io/v1"},
          {"kind", "Event"},
          {"metadata",
           {{"name", name + "." + digest.substr(0, 16)},
            {"namespace", string_at(regarding, {"metadata", "namespace"})}}},
          {"eventTime", ops::format_micro_time(now)},
          {"reportingController", "natrix.dev/operator"},
          {"reportingInstance", instance},
          {"type", event.warning ? "Warning" : "Normal"},
          {"reason", event.reason},
          {"action", event.action},
          {"note", model::shortened(event.note, kLongestNote)},
          {"regarding",
           {{"apiVersion", model::kApiVersion},
            {"kind", model::kKind},
            {"namespace", string_at(regarding, {"metadata", "namespace"})},
            {"name", name},
            {"uid", uid},
            {"resourceVersion", string_at(regarding, {"metadata", "resourceVersion"})}}}};
}

}  // namespace natrix::reconcile
