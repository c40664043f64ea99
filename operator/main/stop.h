// How the program learns that it has to end: a signal, or a part of it that cannot go on.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace natrix::operator_main {

// Make it before any thread: SIGINT and SIGTERM are then blocked in all of them and are only seen
// by wait(). SIGPIPE is ignored for the whole process.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  enum class Cause { kSignal, kFailure };
  // Blocks until a signal came or fail() was called. Signals after the first one end the process
  // at once, so that a second Ctrl-C works whatever the shutdown does.
  Cause wait();
  // The same for at most so long; nothing: neither has happened yet.
  std::optional<Cause> wait_for(std::chrono::milliseconds time);
  // We cannot go on. Safe from any thread.
  void fail();

 private:
  int signal_fd_ = -1;
  int failure_fd_ = -1;
};

}  // namespace natrix::operator_main
