#include "operator/reconcile/execute.h"

#include "operator/model/labels.h"

namespace natrix::reconcile {

namespace {

kube::ApiResult<void> run(kube::Api& api, const std::string& ns, const Action& action,
                          LiveChildren& live, Normalised& normalised) {
  const kube::ResourceType& type = type_of(action.target.kind);
  const kube::ObjectRef ref{type, ns, action.target.name};
  if (action.verb == Action::Verb::kDelete || action.verb == Action::Verb::kOrphan) {
    auto removed =
        api.remove(ref, {action.uid, action.resource_version},
                   action.verb == Action::Verb::kOrphan ? kube::Propagation::kOrphan
                                                        : kube::Propagation::kBackground);
    if (!removed && removed.error().code != kube::Errc::kNotFound) {
      return fail_with(kube::ApiError(removed.error()));
    }
    if (action.verb == Action::Verb::kDelete) live.erase(action.target);
    return {};
  }
  if (action.verb == Action::Verb::kPatch) {
    auto patched = api.merge_patch(ref, action.object);
    if (!patched) return fail_with(kube::ApiError(patched.error()));
    if (live.count(action.target) != 0) live[action.target] = std::move(*patched);
    return {};
  }
  auto written = action.verb == Action::Verb::kCreate
                     ? api.create(type, action.object)
                     : api.apply(ref, action.object, model::kManager);
  if (!written) return fail_with(kube::ApiError(written.error()));
  if (action.verb == Action::Verb::kApply) {
    std::vector<Difference> remaining = differences(action.object, *written);
    // Sent as a condition, not as a wish.
    std::erase_if(remaining,
                  [](const Difference& d) { return d.path == "metadata.resourceVersion"; });
    normalised.remember(
        action.target,
        string_at(action.object, {"metadata", "annotations", model::kAppliedAnnotation}),
        remaining);
  }
  live[action.target] = std::move(*written);
  return {};
}

}  // namespace

Executed execute(kube::Api& api, const std::string& ns, const Plan& plan, LiveChildren& live,
                 Normalised& normalised) {
  Executed out;
  for (const Action& action : plan.actions) {
    auto result = run(api, ns, action, live, normalised);
    if (!result) {
      out.failed = &action;
      out.error = result.error();
      return out;
    }
    out.done.push_back(&action);
    if (action.replan) {
      out.replan = true;
      return out;
    }
  }
  return out;
}

}  // namespace natrix::reconcile
