// ControllerRevisions of StatefulSets: which pod templates there were, and which one a pod has.
#pragma once

#include <string>
#include <vector>

#include "operator/local/workload/objects.h"

namespace natrix::workload {

struct Revisions {
  Json current;  // ControllerRevision the update started from
  Json update;   // the template of the spec
};

// Finds or records the revision of the spec's template and the one that status.currentRevision
// names (the same when that is unknown). Old ones beyond the history limit that no pod of `pods`
// has are removed. Nothing when the API refuses the record.
std::optional<Revisions> find_revisions(Objects& objects, const Json& set,
                                        const std::vector<Json>& pods);

}  // namespace natrix::workload
