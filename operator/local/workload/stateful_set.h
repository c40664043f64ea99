// The StatefulSet controller: ordered or parallel pods with stable names and claims, revisions,
// rolling updates one pod at a time from the highest ordinal down to the partition, OnDelete,
// adoption of pods that lost their owner (a StatefulSet deleted with --cascade=orphan and made
// anew).
//
// Level triggered; one thread calls sync().
#pragma once

#include "operator/local/workload/objects.h"

namespace natrix::workload {

class StatefulSetController {
 public:
  explicit StatefulSetController(memory_api::ApiServer& server)
      : objects_(server, "statefulset-controller") {}

  // One pass over all StatefulSets.
  void sync();

 private:
  Objects objects_;
};

}  // namespace natrix::workload
