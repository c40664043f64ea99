#include "broker/storage/damage.h"

namespace natrix::storage {

void DamageLog::report(const std::string& path, uint64_t offset, const std::string& what) {
  DamageReport report{path, offset, what};
  count_.fetch_add(1, std::memory_order_relaxed);
  {
    std::lock_guard lock(mutex_);
    if (reports_.size() < kReportsMax) reports_.push_back(report);
    if (kept_.insert(path).second) {
      // Best effort: the report stands whether or not the second name could be made.
      (void)files_.make_directories(directory_);
      (void)files_.link(path, directory_ + "/" + path.substr(path.rfind('/') + 1));
    }
  }
  if (tell_) tell_(report);
}

std::vector<DamageReport> DamageLog::reports() const {
  std::lock_guard lock(mutex_);
  return reports_;
}

}  // namespace natrix::storage
