// The server under measurement: started on a loopback port, its CPU time and memory read from the
// kernel, stopped again. Used by one thread. Everything that goes wrong is a std::runtime_error
// with the tail of the server's output: a measurement without a server has no sensible result.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace natrix::bench {

class ServerProcess {
 public:
  // Starts `program -a 127.0.0.1 -p <free port> arguments...` and returns once it greets with INFO.
  ServerProcess(const std::string& program, const std::vector<std::string>& arguments);
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  // SIGINT, and SIGKILL for a server that has not gone after five seconds.
  ~ServerProcess();

  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  // Name and version, as its INFO tells them: "nats-server 2.15.2".
  [[nodiscard]] const std::string& name() const { return name_; }

  // User and system time of all threads, ended ones included, in the scheduler's nanoseconds
  // (/proc/<pid>/stat would round to 10 ms).
  [[nodiscard]] std::chrono::nanoseconds cpu_time() const;
  // Resident set, exact (smaps_rollup), and its highest value so far.
  [[nodiscard]] uint64_t resident_bytes() const;
  [[nodiscard]] uint64_t peak_resident_bytes() const;

  // Bytes the server has caused to be written to disks, less what was deleted before it got there
  // (/proc/<pid>/io); whole pages, so a page that is written twice counts twice.
  [[nodiscard]] uint64_t disk_bytes() const;

  // Throws if the server has ended by itself.
  void check_alive();

 private:
  void spawn(const std::string& program, const std::vector<std::string>& arguments);
  void wait_until_ready();
  [[nodiscard]] std::string output_tail() const;
  [[nodiscard]] uint64_t field(const char* file, const char* name) const;
  void stop();

  std::string output_path_;
  pid_t pid_ = -1;
  uint16_t port_ = 0;
  std::string name_;
};

}  // namespace natrix::bench
