#include "broker/storage/damage.h"

#include <algorithm>

namespace natrix::storage {

void DamageLog::report(const std::string& path, uint64_t offset, const std::string& what) {
  DamageReport report{path, offset, what};
  {
    std::lock_guard lock(mutex_);
    // The same place again, by another reader: once is enough.
    bool known = std::any_of(reports_.begin(), reports_.end(), [&](const DamageReport& r) {
      return r.offset == offset && r.file == path && r.what == what;
    });
    if (known) return;
    if (reports_.size() < kReportsMax) reports_.push_back(report);
    if (kept_.insert(path).second) keep(path);
  }
  count_.fetch_add(1, std::memory_order_relaxed);
  if (tell_) tell_(report);
}

// Best effort: the report stands whether or not the second name could be made.
void DamageLog::keep(const std::string& path) {
  constexpr int kNamesMax = 100;  // of one file, damaged again and again
  (void)files_.make_directories(directory_);
  std::string name = directory_ + path.substr(path.rfind('/'));
  for (int i = 0; i < kNamesMax; ++i) {
    std::string free = i == 0 ? name : name + "." + std::to_string(i);
    auto linked = files_.link(path, free);
    if (!linked && linked.error().kind == StorageErrorKind::kInvalid)
      continue;  // the name is taken
    // Not every file system has links.
    if (!linked && linked.error().kind != StorageErrorKind::kNotFound) copy(path, free);
    break;
  }
  (void)files_.sync_directory(directory_);
}

void DamageLog::copy(const std::string& from, const std::string& to) {
  auto bytes = read_file(files_, from, kCopyMax);
  if (!bytes) return;
  auto file = files_.open(to, FileSystem::Mode::kCreate);
  if (file && (*file)->write(0, *bytes)) (void)(*file)->sync();
}

std::vector<DamageReport> DamageLog::reports() const {
  std::lock_guard lock(mutex_);
  return reports_;
}

}  // namespace natrix::storage
