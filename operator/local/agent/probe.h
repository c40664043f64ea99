// Probes: one attempt of a check, and the counting of attempts that makes an opinion.
#pragma once

#include <chrono>
#include <string>

#include "operator/local/agent/environment.h"
#include "operator/local/agent/process.h"

namespace natrix::agent {

// Where a check is made: the pod's address, and how its commands run.
struct ProbeTarget {
  std::string address;
  Json container;
  ProcessHost* processes = nullptr;
  // The command line and the environment for an exec check of this container.
  std::function<Command(const std::vector<std::string>& words)> command;
};

struct Verdict {
  bool ok = false;
  std::string why;  // of a failure, for the Event
};

// Makes one attempt of a probe or of a lifecycle handler (httpGet, tcpSocket, exec, sleep). Blocks
// at most `timeout`. Checks that are not offered (grpc) fail and say so.
Verdict attempt(const Json& check, const ProbeTarget& target, std::chrono::milliseconds timeout);

// Turns attempts into an opinion by the thresholds of a probe. Pure: the caller brings the time.
class ProbeState {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `initially` is what is believed before the first decision.
  ProbeState(const Json& probe, bool initially, Time started);

  [[nodiscard]] Time due() const { return due_; }
  [[nodiscard]] bool good() const { return good_; }
  // True when the opinion has just become bad, or was confirmed bad: at every further
  // failureThreshold failures, so that a restart that did not help is tried again.
  bool add(bool ok, Time now);
  [[nodiscard]] std::chrono::milliseconds timeout() const { return timeout_; }

 private:
  std::chrono::milliseconds period_;
  std::chrono::milliseconds timeout_;
  int64_t success_threshold_;
  int64_t failure_threshold_;
  bool good_;
  int64_t run_ = 0;  // how many times in a row the last outcome was seen
  bool last_ = false;
  Time due_;
};

}  // namespace natrix::agent
