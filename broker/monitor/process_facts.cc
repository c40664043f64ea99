#include "broker/monitor/process_facts.h"

#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace natrix::monitor {
namespace {

std::string read_file(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

double cpu_seconds() {
  struct timespec spent {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

// Fields of proc(5) /proc/self/stat after the command name, which may itself contain anything.
struct Stat {
  int64_t threads = 0, start_ticks = 0;
};

Stat read_stat() {
  constexpr int kFirstField = 3, kThreads = 20, kStartTime = 22;
  std::string text = read_file("/proc/self/stat");
  size_t name_end = text.rfind(')');
  Stat stat;
  if (name_end == std::string::npos) return stat;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int number = kFirstField; fields >> field && number <= kStartTime; ++number) {
    if (number == kThreads) stat.threads = std::strtoll(field.c_str(), nullptr, 10);
    if (number == kStartTime) stat.start_ticks = std::strtoll(field.c_str(), nullptr, 10);
  }
  return stat;
}

Time read_start() {
  std::string text = read_file("/proc/stat");
  size_t at = text.find("\nbtime ");
  if (at == std::string::npos) return std::chrono::system_clock::now();
  int64_t boot_seconds = std::strtoll(text.c_str() + at + 7, nullptr, 10);
  int64_t ticks_per_second = sysconf(_SC_CLK_TCK);
  auto since_boot =
      std::chrono::nanoseconds(read_stat().start_ticks * (1'000'000'000 / ticks_per_second));
  return Time(std::chrono::seconds(boot_seconds)) + since_boot;
}

int usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) {
    return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  }
  return CPU_COUNT(&cores);
}

int64_t count_open_fds() {
  // Since Linux 6.2 the size of the folder is the number of open descriptors; to list a hundred
  // thousand of them would take long.
  struct stat folder {};
  if (stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0) return folder.st_size;
  DIR* entries = opendir("/proc/self/fd");
  if (entries == nullptr) return 0;
  int64_t count = 0;
  while (readdir(entries) != nullptr) ++count;
  closedir(entries);
  return std::max<int64_t>(count - 3, 0);  // ".", ".." and the descriptor of the listing
}

int64_t fd_limit() {
  struct rlimit limit {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<int64_t>(limit.rlim_cur);
}

}  // namespace

ProcessSampler::ProcessSampler()
    : start_(read_start()), last_time_(Clock::now()), last_cpu_seconds_(cpu_seconds()) {}

void ProcessSampler::sample(Clock::time_point now) {
  double elapsed = std::chrono::duration<double>(now - last_time_).count();
  if (elapsed < 0.5) return;
  double spent = cpu_seconds();
  cpu_percent_ = std::round((spent - last_cpu_seconds_) / elapsed * 1000) / 10;
  last_time_ = now;
  last_cpu_seconds_ = spent;
}

ProcessFacts ProcessSampler::facts() const {
  ProcessFacts facts;
  int64_t page_bytes = sysconf(_SC_PAGESIZE);
  std::istringstream pages(read_file("/proc/self/statm"));
  int64_t virtual_pages = 0, resident_pages = 0;
  if (pages >> virtual_pages >> resident_pages) {
    facts.virtual_bytes = virtual_pages * page_bytes;
    facts.resident_bytes = resident_pages * page_bytes;
  }
  facts.cpu_seconds = cpu_seconds();
  facts.cpu_percent = cpu_percent_;
  facts.cores = usable_cores();
  facts.open_fds = count_open_fds();
  facts.max_fds = fd_limit();
  facts.threads = read_stat().threads;
  facts.start = start_;
  return facts;
}

}  // namespace natrix::monitor
