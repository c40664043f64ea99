#include "broker/route/outbox.h"

#include <utility>

namespace natrix::route {

void Outbox::append(std::string_view lines) {
  if (lines.empty()) return;
  {
    std::lock_guard lock(mutex_);
    if (closed_ || overflowed_) return;
    bool was_empty = pending_.empty();
    if (pending_.size() + lines.size() > max_bytes_) {
      overflowed_ = true;
    } else {
      pending_ += lines;
    }
    filled_.store(true, std::memory_order_release);
    if (!was_empty) return;
  }
  wake_();
}

std::string Outbox::take() {
  std::lock_guard lock(mutex_);
  filled_.store(false, std::memory_order_release);
  return std::exchange(pending_, {});
}

void Outbox::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  pending_ = {};
}

bool Outbox::overflowed() {
  std::lock_guard lock(mutex_);
  return overflowed_;
}

}  // namespace natrix::route
