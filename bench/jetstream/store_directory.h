// Where a measured server keeps its streams: a fresh directory and the configuration that names it.
#pragma once

#include <string>

namespace natrix::bench {

// Made below NATRIX_BENCH_DIR, or /var/tmp, which is on a disk where /tmp may be memory; removed
// with everything in it by the destructor. Failing is a std::runtime_error.
class StoreDirectory {
 public:
  // `sync_interval` as in the configuration: "always", "2m", ...; empty leaves the server's
  // default.
  explicit StoreDirectory(const std::string& sync_interval);
  StoreDirectory(const StoreDirectory&) = delete;
  StoreDirectory& operator=(const StoreDirectory&) = delete;
  ~StoreDirectory();

  [[nodiscard]] const std::string& config_file() const { return config_file_; }

 private:
  std::string path_;
  std::string config_file_;
};

}  // namespace natrix::bench
