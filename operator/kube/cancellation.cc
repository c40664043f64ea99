#include "operator/kube/cancellation.h"

namespace natrix::kube {

Cancellation::Registration::Registration(Cancellation& owner, std::function<void()> fn)
    : owner_(owner) {
  std::lock_guard lock(owner_.mutex_);
  id_ = owner_.next_id_++;
  if (owner_.cancelled_) {
    fn();
  } else {
    owner_.callbacks_.emplace(id_, std::move(fn));
  }
}

Cancellation::Registration::~Registration() {
  std::lock_guard lock(owner_.mutex_);
  owner_.callbacks_.erase(id_);
}

// Callbacks run under the lock: that is what lets ~Registration promise that none is running.
void Cancellation::cancel() {
  std::lock_guard lock(mutex_);
  if (cancelled_) return;
  cancelled_ = true;
  for (auto& [id, fn] : callbacks_) fn();
  callbacks_.clear();
}

bool Cancellation::cancelled() const {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

}  // namespace natrix::kube
