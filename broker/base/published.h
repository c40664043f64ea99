// Published: an immutable value that one thread replaces and others take a reference to.
//
// Instead of std::atomic<std::shared_ptr>: in libstdc++ 12 its load() unlocks with relaxed order,
// which is a data race with the next store(). For what is read now and then, not per message.
#pragma once

#include <memory>
#include <mutex>

namespace natrix {

template <class T>
class Published {
 public:
  // Both safe from any thread.
  [[nodiscard]] std::shared_ptr<const T> load() const {
    std::lock_guard lock(mutex_);
    return value_;
  }
  void store(std::shared_ptr<const T> value) {
    std::lock_guard lock(mutex_);
    value_.swap(value);  // the old value is released after the lock
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

}  // namespace natrix
