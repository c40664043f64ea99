#include "operator/metrics/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace natrix::metrics {
namespace {

double to_seconds(const timeval& value) {
  return static_cast<double>(value.tv_sec) + static_cast<double>(value.tv_usec) / 1e6;
}

double read_resident_bytes() {
  std::ifstream file("/proc/self/statm");
  long total = 0;
  long resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// Field 22 of /proc/self/stat counts clock ticks from boot; /proc/stat knows when that was.
double read_start_time() {
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  std::ifstream boot("/proc/stat");
  std::string line;
  while (std::getline(boot, line)) {
    if (line.rfind("btime ", 0) != 0) continue;
    double ticks = std::strtod(field.c_str(), nullptr);
    return std::strtod(line.c_str() + 6, nullptr) +
           ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  return 0;
}

}  // namespace

ProcessStats read_process_stats() {
  ProcessStats stats;
  stats.resident_bytes = read_resident_bytes();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  stats.cpu_seconds = to_seconds(usage.ru_utime) + to_seconds(usage.ru_stime);
  std::error_code ignored;
  for (auto it = std::filesystem::directory_iterator("/proc/self/fd", ignored);
       it != std::filesystem::directory_iterator(); it.increment(ignored)) {
    stats.open_fds += 1;
  }
  stats.start_time_seconds = read_start_time();
  return stats;
}

}  // namespace natrix::metrics
