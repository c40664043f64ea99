// One container of a pod: starts its process, watches it, asks its probes, restarts it, stops it
// the way Kubernetes does (preStop, SIGTERM, grace, SIGKILL).
//
// Used by the pod's thread only; step() makes whatever moves are due and never waits longer than
// one probe. log() is safe from any thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "operator/local/agent/pod_context.h"

namespace natrix::agent {

class Container {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  // `init`: runs once to completion before the others.
  Container(Json spec, bool init, PodContext& pod);

  // Starts what is due, notices exits, runs due probes. `restart_policy` is the pod's.
  void step(const std::string& restart_policy);
  // Stops it for good: preStop (unless `hurry`), SIGTERM, and SIGKILL when `grace` is over. Called
  // again, it can only shorten the grace.
  void stop(std::chrono::milliseconds grace, bool hurry);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool running() const { return process_ != nullptr; }
  [[nodiscard]] bool ever_started() const { return !started_text_.empty(); }
  // Will not run again: an init container that succeeded, or one that is stopped.
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] bool succeeded() const { return finished_ && exit_ && exit_->code == 0; }
  [[nodiscard]] bool ready() const;
  [[nodiscard]] Json status() const;
  // When step() has something to do next, apart from an exit (see descriptor()).
  [[nodiscard]] Time due() const;
  // Readable when the process has exited; -1 while none runs.
  [[nodiscard]] int descriptor() const { return process_ ? process_->descriptor() : -1; }
  // Of the current or the previous instance; null when there was none.
  [[nodiscard]] std::shared_ptr<LogFile> log(bool previous) const;

 private:
  void start();
  Result<Command> prepare();
  Result<std::unique_ptr<Process>> launch(Command command);
  void started();
  void exited(const ExitStatus& status, const std::string& restart_policy);
  void wait_because(std::string reason, std::string message, std::chrono::milliseconds delay);
  void run_probes();
  bool run_probe(const char* field, std::optional<ProbeState>& state);
  void begin_kill(std::chrono::milliseconds grace, bool hurry);
  void run_pre_stop(std::chrono::milliseconds grace);
  [[nodiscard]] bool pre_stop_runs();
  void continue_kill();
  [[nodiscard]] bool started_up() const { return !startup_ || startup_->good(); }
  [[nodiscard]] ProbeTarget target() const;
  [[nodiscard]] Command make_command(const std::vector<std::string>& words) const;
  [[nodiscard]] Json state_json() const;
  [[nodiscard]] Json terminated_json() const;
  void event(const char* type, const std::string& reason, const std::string& message);

  const Json spec_;
  const std::string name_;
  const bool init_;
  PodContext& pod_;

  std::unique_ptr<Process> process_;
  std::vector<std::string> environment_;
  std::optional<ProbeState> startup_;
  std::optional<ProbeState> liveness_;
  std::optional<ProbeState> readiness_;
  Time started_at_{};
  std::string started_text_;

  // While it does not run.
  std::string waiting_reason_ = "ContainerCreating";
  std::string waiting_message_;
  Time start_at_{};
  std::optional<ExitStatus> exit_;
  std::string exit_reason_;
  std::string finished_text_;
  Json last_state_ = Json::object();
  int64_t restarts_ = 0;
  int failures_ = 0;  // in a row, for the delay
  bool finished_ = false;

  // While it is being stopped.
  bool stopping_ = false;  // for good, not to be restarted
  bool killing_ = false;
  bool term_sent_ = false;
  Time kill_at_{};                 // SIGKILL
  std::unique_ptr<Process> hook_;  // preStop exec
  Time hook_until_{};              // preStop sleep

  mutable std::mutex log_mutex_;
  std::shared_ptr<LogFile> log_;
  std::shared_ptr<LogFile> previous_log_;
};

}  // namespace natrix::agent
