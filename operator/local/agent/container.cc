#include "operator/local/agent/container.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace natrix::agent {

using workload::integer;
using workload::member;
using workload::name_of;
using workload::text;

namespace {

constexpr std::chrono::milliseconds kKillPoll{50};
constexpr std::chrono::milliseconds kRetry{2000};
constexpr std::chrono::milliseconds kHookTimeout{5000};
// What a container gets that a probe has given up.
constexpr std::chrono::milliseconds kProbeGrace{10000};

std::string inherited(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

}  // namespace

Container::Container(Json spec, bool init, PodContext& pod)
    : spec_(std::move(spec)), name_(text(spec_, {"name"})), init_(init), pod_(pod) {
  if (!init_ && !member(pod.pod, {"spec", "initContainers"}).empty()) {
    waiting_reason_ = "PodInitializing";
  }
}

void Container::event(const char* type, const std::string& reason, const std::string& message) {
  pod_.agent.objects.record(pod_.pod, type, reason, message);
}

void Container::wait_because(std::string reason, std::string message,
                             std::chrono::milliseconds delay) {
  waiting_reason_ = std::move(reason);
  waiting_message_ = std::move(message);
  start_at_ = Clock::now() + delay;
}

Command Container::make_command(const std::vector<std::string>& words) const {
  Command command;
  for (const std::string& word : words) command.argv.push_back(pod_.localizer.apply(word));
  command.argv[0] = pod_.agent.images.command_program(command.argv[0]);
  command.environment = environment_;
  command.directory = pod_.localizer.apply(text(spec_, {"workingDir"}));
  if (command.directory.empty()) command.directory = pod_.directory;
  return command;
}

// The command line and environment; the error is what the container waits for.
Result<Command> Container::prepare() {
  Result<Variables> variables = container_variables(pod_.pod, spec_, pod_.agent.objects);
  if (!variables) return fail(variables.error().message);
  environment_ = {
      "PATH=" + pod_.agent.program_directory + ":" + inherited("PATH", "/usr/bin:/bin"),
      "HOME=" + inherited("HOME", "/"),
      "HOSTNAME=" + name_of(pod_.pod),
  };
  for (const auto& [name, value] : *variables) {
    environment_.push_back(name + "=" + pod_.localizer.apply(value));
  }
  Result<std::string> program = pod_.agent.images.program(text(spec_, {"image"}));
  if (!program) return fail(program.error().message);
  return make_command(command_line(spec_, *variables, *program));
}

// Starts the process with a log of its own. Two instances are kept: even and odd ones take turns.
Result<std::unique_ptr<Process>> Container::launch(Command command) {
  const std::string directory = fmt::format("{}/logs/{}", pod_.directory, name_);
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  auto log = std::make_shared<LogFile>(fmt::format("{}/{}.log", directory, restarts_ % 2));
  Result<int> output = pod_.agent.pump.open(log);
  if (!output) return fail(output.error().message);
  command.output = *output;
  Result<std::unique_ptr<Process>> process = pod_.agent.processes.start(command);
  close(*output);
  if (!process) return process;
  const std::lock_guard lock(log_mutex_);
  previous_log_ = std::move(log_);
  log_ = std::move(log);
  return process;
}

void Container::start() {
  Result<Command> command = prepare();
  if (!command) {
    const bool image = !pod_.agent.images.program(text(spec_, {"image"})).ok();
    event("Warning", "Failed", command.error().message);
    wait_because(image ? "ErrImagePull" : "CreateContainerConfigError", command.error().message,
                 kRetry);
    return;
  }
  Result<std::unique_ptr<Process>> process = launch(std::move(*command));
  if (!process) {
    event("Warning", "Failed", "Error: " + process.error().message);
    wait_because("CreateContainerError", process.error().message, kRetry);
    return;
  }
  process_ = std::move(*process);
  started();
}

void Container::started() {
  started_at_ = Clock::now();
  started_text_ = pod_.agent.objects.now();
  exit_.reset();
  killing_ = false;
  term_sent_ = false;
  const auto probe = [&](const char* field, bool initially) -> std::optional<ProbeState> {
    if (!spec_.contains(field)) return std::nullopt;
    return ProbeState(spec_[field], initially, started_at_);
  };
  startup_ = probe("startupProbe", false);
  liveness_ = probe("livenessProbe", true);
  readiness_ = probe("readinessProbe", false);
  event("Normal", "Started", fmt::format("Started container {}", name_));
  pod_.agent.log.info("container started", {{"pod", name_of(pod_.pod)},
                                            {"container", name_},
                                            {"pid", process_->pid()},
                                            {"restarts", restarts_}});
  const Json& hook = member(spec_, {"lifecycle", "postStart"});
  if (!hook.is_object()) return;
  const Verdict verdict = attempt(hook, target(), kHookTimeout);
  if (verdict.ok) return;
  event("Warning", "FailedPostStartHook", verdict.why);
  begin_kill(kProbeGrace, true);
}

ProbeTarget Container::target() const {
  return {pod_.localizer.address, spec_, &pod_.agent.processes,
          [this](const std::vector<std::string>& words) { return make_command(words); }};
}

// One attempt if it is due. True when the container has to be restarted.
bool Container::run_probe(const char* field, std::optional<ProbeState>& state) {
  if (!state || Clock::now() < state->due()) return false;
  const Verdict verdict = attempt(spec_[field], target(), state->timeout());
  const bool bad = state->add(verdict.ok, Clock::now());
  const std::string_view kind = field == std::string_view("startupProbe")    ? "Startup"
                                : field == std::string_view("livenessProbe") ? "Liveness"
                                                                             : "Readiness";
  // A server that is starting fails its first checks: worth an event only when the budget is spent.
  if (!verdict.ok && (kind != "Startup" || bad)) {
    event("Warning", "Unhealthy", fmt::format("{} probe failed: {}", kind, verdict.why));
  }
  return bad;
}

void Container::run_probes() {
  if (!started_up()) {
    if (run_probe("startupProbe", startup_)) {
      event("Normal", "Killing",
            fmt::format("Container {} failed startup probe, will be restarted", name_));
      begin_kill(kProbeGrace, true);
    }
    return;
  }
  if (run_probe("livenessProbe", liveness_)) {
    event("Normal", "Killing",
          fmt::format("Container {} failed liveness probe, will be restarted", name_));
    begin_kill(kProbeGrace, false);
    return;
  }
  run_probe("readinessProbe", readiness_);
}

void Container::step(const std::string& restart_policy) {
  if (finished_) return;
  if (!process_) {
    if (stopping_) {
      finished_ = true;
    } else if (Clock::now() >= start_at_) {
      start();
    }
    return;
  }
  if (const std::optional<ExitStatus> status = process_->wait(std::chrono::milliseconds(0))) {
    exited(*status, restart_policy);
  } else if (killing_) {
    continue_kill();
  } else {
    run_probes();
  }
}

void Container::exited(const ExitStatus& status, const std::string& restart_policy) {
  pod_.agent.log.info(
      "container ended",
      {{"pod", name_of(pod_.pod)}, {"container", name_}, {"exit_code", status.code}});
  exit_ = status;
  exit_reason_ = status.code == 0 ? "Completed" : "Error";
  finished_text_ = pod_.agent.objects.now();
  process_.reset();
  hook_.reset();
  const bool wanted =
      init_ ? status.code != 0 && restart_policy != "Never"
            : restart_policy == "Always" || (restart_policy == "OnFailure" && status.code != 0);
  if (stopping_ || !wanted) {
    finished_ = true;
    return;
  }
  const RestartRule& rule = pod_.agent.restarts;
  if (Clock::now() - started_at_ >= rule.forgiven) failures_ = 0;
  ++failures_;
  ++restarts_;
  last_state_ = {{"terminated", terminated_json()}};
  if (failures_ == 1) {
    wait_because("ContainerCreating", "", std::chrono::milliseconds(0));
    return;
  }
  const int doublings = std::min(failures_ - 2, 20);
  const auto delay = std::min(rule.longest, rule.first * (1 << doublings));
  const std::string message = fmt::format("back-off {}ms restarting failed container={} pod={}",
                                          delay.count(), name_, name_of(pod_.pod));
  event("Warning", "BackOff", message);
  wait_because("CrashLoopBackOff", message, delay);
}

void Container::stop(std::chrono::milliseconds grace, bool hurry) {
  stopping_ = true;
  if (!process_) {
    finished_ = true;
    return;
  }
  if (!killing_) {
    event("Normal", "Killing", fmt::format("Stopping container {}", name_));
    begin_kill(grace, hurry);
    return;
  }
  kill_at_ = std::min(kill_at_, Clock::now() + grace);
  if (hurry && !term_sent_) hook_until_ = Time::min();
  if (hurry) hook_.reset();
}

void Container::begin_kill(std::chrono::milliseconds grace, bool hurry) {
  killing_ = true;
  term_sent_ = false;
  kill_at_ = Clock::now() + grace;
  hook_until_ = Time::min();
  if (!hurry) run_pre_stop(grace);
  continue_kill();
}

// exec and sleep go on while we look after other things; the rest is quick.
void Container::run_pre_stop(std::chrono::milliseconds grace) {
  const Json& hook = member(spec_, {"lifecycle", "preStop"});
  if (!hook.is_object()) return;
  if (hook.contains("sleep")) {
    hook_until_ = Clock::now() + std::chrono::seconds(integer(hook, {"sleep", "seconds"}));
    return;
  }
  if (!hook.contains("exec")) {
    const Verdict verdict = attempt(hook, target(), std::min(grace, kHookTimeout));
    if (!verdict.ok) event("Warning", "FailedPreStopHook", verdict.why);
    return;
  }
  std::vector<std::string> words;
  for (const Json& word : member(hook, {"exec", "command"})) words.push_back(word);
  if (words.empty()) return;
  Result<std::unique_ptr<Process>> process = pod_.agent.processes.start(make_command(words));
  if (process) {
    hook_ = std::move(*process);
  } else {
    event("Warning", "FailedPreStopHook", process.error().message);
  }
}

bool Container::pre_stop_runs() {
  if (Clock::now() < hook_until_) return true;
  if (!hook_) return false;
  const std::optional<ExitStatus> status = hook_->wait(std::chrono::milliseconds(0));
  if (!status) return true;
  if (status->code != 0) {
    event("Warning", "FailedPreStopHook", fmt::format("the command exited with {}", status->code));
  }
  hook_.reset();
  return false;
}

void Container::continue_kill() {
  const bool over = Clock::now() >= kill_at_;
  if (!term_sent_ && (over || !pre_stop_runs())) {
    process_->signal(SIGTERM);
    term_sent_ = true;
  }
  if (over) process_->signal(SIGKILL);
}

bool Container::ready() const {
  if (init_) return succeeded();
  return running() && !killing_ && started_up() && (!readiness_ || readiness_->good());
}

Container::Time Container::due() const {
  const Time never = Clock::now() + std::chrono::hours(1);
  if (finished_) return never;
  if (!process_) return start_at_;
  if (killing_) return Clock::now() + kKillPoll;
  if (!started_up()) return startup_->due();
  Time out = never;
  for (const auto* state : {&liveness_, &readiness_}) {
    if (*state) out = std::min(out, (*state)->due());
  }
  return out;
}

std::shared_ptr<LogFile> Container::log(bool previous) const {
  const std::lock_guard lock(log_mutex_);
  return previous ? previous_log_ : log_;
}

Json Container::terminated_json() const {
  Json out = {{"exitCode", exit_->code},
              {"reason", exit_reason_},
              {"startedAt", started_text_},
              {"finishedAt", finished_text_}};
  if (exit_->signal != 0) out["signal"] = exit_->signal;
  return out;
}

Json Container::state_json() const {
  if (process_) return {{"running", {{"startedAt", started_text_}}}};
  if (finished_ && exit_) return {{"terminated", terminated_json()}};
  Json waiting = {{"reason", waiting_reason_}};
  if (!waiting_message_.empty()) waiting["message"] = waiting_message_;
  return {{"waiting", waiting}};
}

Json Container::status() const {
  const Result<std::string> program = pod_.agent.images.program(text(spec_, {"image"}));
  Json out = {{"name", name_},
              {"image", text(spec_, {"image"})},
              {"imageID", program ? "program://" + *program : ""},
              {"ready", ready()},
              {"started", running() && started_up()},
              {"restartCount", restarts_},
              {"state", state_json()},
              {"lastState", last_state_}};
  if (process_) out["containerID"] = fmt::format("process://{}", process_->pid());
  return out;
}

}  // namespace natrix::agent
