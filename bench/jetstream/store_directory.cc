#include "bench/jetstream/store_directory.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace natrix::bench {

StoreDirectory::StoreDirectory(const std::string& sync_interval) {
  const char* base = std::getenv("NATRIX_BENCH_DIR");
  std::string path = fmt::format("{}/natrix-bench-XXXXXX", base == nullptr ? "/var/tmp" : base);
  if (mkdtemp(path.data()) == nullptr) {
    throw std::runtime_error("cannot make the store's directory " + path);
  }
  path_ = path;
  config_file_ = path_ + "/server.conf";
  std::ofstream config(config_file_);
  config << "jetstream {\n  store_dir: \"" << path_ << "/store\"\n"
         << "  max_memory_store: 8GB\n  max_file_store: 32GB\n";
  if (!sync_interval.empty()) {
    config << "  sync_interval: " << sync_interval << "\n";
  }
  config << "}\n";
  if (!config.flush()) {
    throw std::runtime_error("cannot write " + config_file_);
  }
}

StoreDirectory::~StoreDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace natrix::bench
