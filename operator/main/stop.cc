#include "operator/main/stop.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>

namespace natrix::operator_main {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

StopRequest::StopRequest() {
  sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  signal_fd_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  failure_fd_ = ::eventfd(0, EFD_CLOEXEC);
}

StopRequest::~StopRequest() {
  ::close(signal_fd_);
  ::close(failure_fd_);
}

StopRequest::Cause StopRequest::wait() {
  std::optional<Cause> cause;
  while (!cause) cause = wait_for(std::chrono::hours(1));
  return *cause;
}

std::optional<StopRequest::Cause> StopRequest::wait_for(std::chrono::milliseconds time) {
  pollfd fds[] = {{signal_fd_, POLLIN, 0}, {failure_fd_, POLLIN, 0}};
  const int ready = ::poll(fds, 2, static_cast<int>(time.count()));
  if (ready <= 0) return std::nullopt;
  Cause cause = fds[0].revents != 0 ? Cause::kSignal : Cause::kFailure;
  if (cause == Cause::kSignal) {
    signalfd_siginfo first;
    [[maybe_unused]] ssize_t ignored = ::read(signal_fd_, &first, sizeof first);
  }
  sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  return cause;
}

void StopRequest::fail() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t ignored = ::write(failure_fd_, &one, sizeof one);
}

}  // namespace natrix::operator_main
