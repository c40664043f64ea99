// Child processes that cannot outlive us.
//
// The kernel kills a child with PR_SET_PDEATHSIG when the *thread* that made it ends, so all
// children come from one thread that lives as long as the ProcessHost. They get a clean signal
// mask, their own process group (Ctrl-C at the terminal is for us, we stop them in order) and no
// descriptor of ours.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/result.h"

namespace natrix::agent {

struct Command {
  std::vector<std::string> argv;         // argv[0] is looked up in the PATH of `environment`
  std::vector<std::string> environment;  // "NAME=value"
  std::string directory;                 // empty: ours
  int output = -1;                       // stdout and stderr; stays ours to close
};

struct ExitStatus {
  int code = 0;    // 128 + signal when killed by one, as shells and Kubernetes count
  int signal = 0;  // 0: exited by itself
};

// One child. Used by one thread. Destroying it kills the child (SIGKILL) and collects it. What the
// child has started in its process group is killed when the child has ended, as in a container.
class Process {
 public:
  Process(pid_t pid, int pidfd) : pid_(pid), pidfd_(pidfd) {}
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Readable when the child has exited; valid as long as this object.
  [[nodiscard]] int descriptor() const { return pidfd_; }
  // The exit status once there is one; waits for it at most `wait`.
  std::optional<ExitStatus> wait(std::chrono::milliseconds wait);
  void signal(int number);

 private:
  pid_t pid_;
  int pidfd_;
  std::optional<ExitStatus> status_;
};

class ProcessHost {
 public:
  ProcessHost();
  ~ProcessHost();  // every Process must be gone before
  ProcessHost(const ProcessHost&) = delete;
  ProcessHost& operator=(const ProcessHost&) = delete;

  // Safe from any thread. The error is that of fork or exec, with the name of the program.
  Result<std::unique_ptr<Process>> start(const Command& command);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace natrix::agent
