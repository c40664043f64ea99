// Signals as events of the main thread, and signals to other brokers (wire.md 23.2).
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace natrix::main {

// Takes SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 from the process and gives them out one by
// one. Make it before any thread is started: threads inherit that these signals are blocked. One
// object a process; wait() on one thread, wake() on any.
class SignalQueue {
 public:
  // Also ignores SIGPIPE: a closed socket is an error of its write, not the end of the process.
  SignalQueue();
  ~SignalQueue();
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;

  // The next signal, 0 after wake(), or kTimeout when neither comes in time; zero: no limit.
  int wait(std::chrono::milliseconds limit = {});
  static constexpr int kTimeout = -1;
  void wake();

 private:
  int signals_ = -1;
  int wakes_ = -1;
};

// "interrupt", "terminated", "hangup", "user defined signal 1", "user defined signal 2": the names
// that logs of nats-server show.
std::string_view signal_name(int number);

// Sends a signal to the broker that `target` names (see SendSignal). Without one there must be
// exactly one running. `program` is the name of processes that count, beside our own two.
Result<void> send_signal(int number, const std::string& target, const std::string& program);

}  // namespace natrix::main
