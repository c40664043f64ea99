// The natrix-operator under measurement: started against an API server on loopback, its CPU time
// and memory read from the kernel, ended again. Used by one thread. Everything that goes wrong is a
// std::runtime_error with the tail of the operator's log: there is no sensible result without it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace natrix::bench {

class OperatorProcess {
 public:
  // Starts `program run --kubeconfig FILE arguments...`. `name` is its pod's name.
  OperatorProcess(const std::string& program, const std::string& kubeconfig,
                  const std::string& name, const std::vector<std::string>& arguments);
  ~OperatorProcess();  // SIGKILL, if it still runs
  OperatorProcess(const OperatorProcess&) = delete;
  OperatorProcess& operator=(const OperatorProcess&) = delete;

  // Waits until /readyz says that every watch has its objects.
  void wait_ready();
  // SIGTERM, then its end.
  void end();
  // The same in two steps, for those who want to look at what happens meanwhile.
  void signal(int number) const;
  void wait_ended();

  [[nodiscard]] std::chrono::nanoseconds cpu_time() const;  // user and system, all threads
  [[nodiscard]] uint64_t resident_bytes() const;            // exact (smaps_rollup)
  [[nodiscard]] uint64_t private_bytes() const;  // of that, what no library on disk gives
  [[nodiscard]] uint64_t peak_resident_bytes() const;
  // The sum of a metric over its labels.
  [[nodiscard]] double metric(const std::string& name) const;

 private:
  [[nodiscard]] std::string page(const std::string& path) const;
  [[nodiscard]] uint64_t field_kib(const char* file, const char* field) const;
  [[nodiscard]] std::string log_tail() const;

  std::string log_path_;
  int port_ = 0;
  pid_t pid_ = -1;
};

// A port of 127.0.0.1 that nobody listens on at the moment.
int free_port();

}  // namespace natrix::bench
