// What has been found damaged, and where damaged files are kept.
//
// A file is put into quarantine by giving it a second name in the folder `damaged` beside the log,
// so that its bytes stay whatever happens to the first name. Safe from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "broker/storage/file_system.h"
#include "broker/storage/store.h"

namespace natrix::storage {

class DamageLog {
 public:
  DamageLog(FileSystem& files, std::string directory, std::function<void(const DamageReport&)> tell)
      : files_(files), directory_(std::move(directory)), tell_(std::move(tell)) {}

  // Notes it, tells, and keeps the file; what has been reported already is not told again. `path`
  // must exist or the report says that it does not.
  void report(const std::string& path, uint64_t offset, const std::string& what);
  [[nodiscard]] std::vector<DamageReport> reports() const;
  [[nodiscard]] uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kReportsMax = 1000;
  static constexpr uint64_t kCopyMax = uint64_t{1} << 33;

  void keep(const std::string& path);
  void copy(const std::string& from, const std::string& to);

  FileSystem& files_;
  std::string directory_;
  std::function<void(const DamageReport&)> tell_;
  mutable std::mutex mutex_;
  std::vector<DamageReport> reports_;
  std::set<std::string> kept_;
  std::atomic<uint64_t> count_{0};
};

}  // namespace natrix::storage
