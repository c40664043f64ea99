// One pass of a controller over one object: the seam between the work queue (queue/, main/) and the
// logic of a kind (cluster_reconciler.h).
//
// Level triggered: a pass looks at what is, not at what happened, so it may be called at any time,
// any number of times, and after a crash at any point. Called from worker threads; the queue makes
// sure that one key is never worked on by two threads at once, different keys may run in parallel.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace natrix::reconcile {

struct Outcome {
  // Run again after this time even if nothing happens; empty: wait for the next event.
  std::optional<std::chrono::milliseconds> requeue_after;
  // The pass failed: run again with the queue's backoff, not before requeue_after (an API server
  // that is overloaded says when). A sentence for the log.
  std::optional<std::string> error;
};

class Reconciler {
 public:
  virtual ~Reconciler() = default;
  virtual Outcome reconcile(const std::string& ns, const std::string& name) = 0;
};

}  // namespace natrix::reconcile
