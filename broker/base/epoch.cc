#include "broker/base/epoch.h"

#include <algorithm>

namespace natrix {

void EpochDomain::add(EpochSlot* slot) {
  std::lock_guard lock(mutex_);
  slots_.push_back(slot);
}

void EpochDomain::remove(EpochSlot* slot) {
  std::lock_guard lock(mutex_);
  slots_.erase(std::remove(slots_.begin(), slots_.end(), slot), slots_.end());
}

Epoch EpochDomain::safe() const {
  // A reader that announced epoch e began after everything retired in an epoch <= e was unlinked.
  // One that has not announced yet, even if it has read an older epoch already, reads the shared
  // pointers behind its own fence and so behind ours: it finds what was unlinked before gone.
  Epoch safe = current();
  std::atomic_thread_fence(std::memory_order_seq_cst);
  std::lock_guard lock(mutex_);
  for (const EpochSlot* slot : slots_) {
    if (Epoch epoch = slot->load(); epoch != 0) safe = std::min(safe, epoch);
  }
  return safe;
}

void Limbo::free_up_to(Epoch safe) {
  while (!items_.empty() && items_.front().epoch <= safe) {
    Item item = items_.front();
    items_.pop_front();
    item.deleter(item.object);
  }
}

}  // namespace natrix
