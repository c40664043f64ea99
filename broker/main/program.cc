#include "broker/main/program.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <set>
#include <utility>

#include "broker/config/reload.h"
#include "broker/main/command.h"
#include "broker/main/file_watch.h"
#include "broker/main/process_files.h"
#include "broker/main/signals.h"

namespace natrix::main {
namespace {

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// Several problems as one log line.
std::string on_one_line(std::string text) {
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) text.replace(at, 1, "; ");
  return text;
}

// Every connection is a file descriptor: take as many as we may have.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void add_files_of(const std::shared_ptr<const tls::Context>& context,
                  std::set<std::string>& files) {
  if (!context) return;
  for (const tls::KeyPair& pair : context->options().certificates) {
    files.insert(pair.cert_file);
    files.insert(pair.key_file);
  }
  if (!context->options().ca_file.empty()) files.insert(context->options().ca_file);
}

// A broker in its process, from start to end.
class Process {
 public:
  Process(std::string name, Run run, const config::Surroundings& surroundings)
      : name_(std::move(name)),
        line_(std::move(run.line)),
        options_(std::move(run.loaded.options)),
        warnings_(std::move(run.loaded.warnings)),
        surroundings_(surroundings) {}

  int run(const ServiceFactory& make_service);

 private:
  Result<void> start();
  void serve();
  void look_at_files();
  Result<config::Loaded> load();
  // False: the broker is to end.
  bool handle(int signal);
  void reload();
  void log_failed_reload(const Error& error);
  Result<void> try_reload();
  void reopen_log();
  void begin_lame_duck();
  Result<void> write_ports_file();
  void remove_files();

  std::string name_;
  config::CommandLine line_;
  config::Options options_;  // as configured: -1 stays -1
  std::vector<std::string> warnings_;
  const config::Surroundings& surroundings_;
  SignalQueue signals_;
  FileWatch files_;
  Logger log_;
  std::unique_ptr<Service> service_;
  std::string pid_file_;    // written by us, or empty
  std::string ports_file_;  // likewise
  bool lame_duck_ = false;
};

int Process::run(const ServiceFactory& make_service) {
  if (Result<void> configured = log_.configure(options_.log); !configured) {
    std::fprintf(stderr, "%s: %s\n", name_.c_str(), configured.error().message.c_str());
    return 1;
  }
  for (const std::string& warning : std::exchange(warnings_, {})) log_.warn("{}", warning);
  raise_file_limit();
  if (options_.reload_interval.count() > 0) {
    // Reads again what was read before anybody watched.
    if (Result<config::Loaded> loaded = load(); loaded)
      options_ = std::move(loaded->options);
    else
      log_failed_reload(loaded.error());
  }
  service_ = make_service(options_, log_);
  if (Result<void> started = start(); !started) {
    log_.fatal("{}", started.error().message);
    remove_files();
    return 1;
  }
  serve();
  service_->shutdown();
  remove_files();
  return 0;
}

Result<void> Process::start() {
  if (!options_.pid_file.empty()) {
    if (Result<void> written = write_pid_file(options_.pid_file); !written)
      return fail("Could not write pidfile: " + written.error().message);
    pid_file_ = options_.pid_file;
  }
  if (Result<void> started = service_->start(); !started) return started;
  Result<void> written = write_ports_file();
  if (!written) service_->shutdown();
  return written;
}

Result<void> Process::write_ports_file() {
  if (options_.ports_file_dir.empty()) return {};
  std::string path = ports_file_path(options_.ports_file_dir, name_);
  Result<void> written = write_whole(path, ports_json(service_->endpoints()));
  if (!written) return fail("Could not write ports file: " + written.error().message);
  ports_file_ = std::move(path);
  return {};
}

void Process::remove_files() {
  if (!ports_file_.empty()) ::unlink(ports_file_.c_str());
  if (!pid_file_.empty()) remove_pid_file(pid_file_);
  ports_file_.clear();
  pid_file_.clear();
}

void Process::serve() {
  for (;;) {
    using std::chrono::milliseconds;
    // 0 when lame duck mode has come to its end.
    const int signal =
        signals_.wait(std::chrono::duration_cast<milliseconds>(options_.reload_interval));
    if (signal == SignalQueue::kTimeout)
      look_at_files();
    else if (signal == 0 || !handle(signal))
      return;
  }
}

void Process::look_at_files() {
  // Who is leaving has no use for new rules, least of all for routes that are no longer there.
  if (lame_duck_ || !files_.changed()) return;
  log_.info("Files of the configuration have changed");
  reload();
}

// The configuration as it is now, and the files it is made of watched from before they were read.
Result<config::Loaded> Process::load() {
  constexpr int kMostRounds = 4;
  for (int round = 1;; ++round) {
    std::set<std::string> read;
    config::Surroundings recording = surroundings_;
    recording.read_file = [&](const std::string& path) {
      read.insert(path);
      return surroundings_.read_file(path);
    };
    files_.mark();
    Result<config::Loaded> loaded = config::load_configuration(line_, recording);
    const config::Options& options = loaded ? loaded->options : options_;
    add_files_of(options.tls, read);
    add_files_of(options.cluster.tls, read);
    if (options.reload_interval.count() == 0 || !files_.watch(read) || round == kMostRounds)
      return loaded;
  }
}

bool Process::handle(int signal) {
  log_.info("Trapped \"{}\" signal", signal_name(signal));
  switch (signal) {
    case SIGINT:
      return false;
    case SIGTERM:
      return lame_duck_;  // lame duck mode ends by itself
    case SIGHUP:
      reload();
      return true;
    case SIGUSR1:
      reopen_log();
      return true;
    case SIGUSR2:
      begin_lame_duck();
      return true;
    default:
      return true;
  }
}

void Process::begin_lame_duck() {
  if (lame_duck_) return;
  lame_duck_ = true;
  service_->lame_duck([this] { signals_.wake(); });
}

void Process::reopen_log() {
  if (options_.log.file.empty()) {
    log_.info("File log re-open ignored, not a file logger");
    return;
  }
  if (Result<void> reopened = log_.reopen(); !reopened)
    log_.error("{}", reopened.error().message);
  else
    log_.info("File log re-opened");
}

void Process::reload() {
  if (Result<void> reloaded = try_reload(); !reloaded)
    log_failed_reload(reloaded.error());
  else
    log_.info("Reloaded server configuration ({})", options_.config_digest);
}

void Process::log_failed_reload(const Error& error) {
  log_.error("Failed to reload server configuration: {}", on_one_line(error.message));
}

Result<void> Process::try_reload() {
  if (line_.config_file.empty())
    return fail("can only reload config when a file is provided using -c or --config");
  Result<config::Loaded> loaded = load();
  if (!loaded) return fail(loaded.error().message);
  Result<config::ReloadPlan> plan = config::reload_plan(options_, loaded->options);
  if (!plan) return fail(plan.error().message);

  // What can fail comes first, so that a failure leaves all as it was.
  bool pid_moves = plan->pid_file && !loaded->options.pid_file.empty();
  if (pid_moves) {
    if (Result<void> written = write_pid_file(loaded->options.pid_file); !written) return written;
  }
  if (plan->log) {
    if (Result<void> configured = log_.configure(loaded->options.log); !configured)
      return configured;
  }
  for (const std::string& warning : loaded->warnings) log_.warn("{}", warning);
  options_ = std::move(loaded->options);
  if (plan->pid_file) {
    if (!pid_file_.empty()) remove_pid_file(pid_file_);
    pid_file_ = options_.pid_file;
  }
  service_->reload(options_);
  for (const std::string& change : plan->changes) log_.info("Reloaded: {}", change);
  if (!plan->ports_file) return {};
  if (!ports_file_.empty()) ::unlink(ports_file_.c_str());
  ports_file_.clear();
  return write_ports_file();
}

void print(const Print& print) {
  // The message first: the usage text that follows it would push it out of sight.
  std::fputs(print.err.c_str(), stderr);
  std::fputs(print.out.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

int run_program(const std::string& program, const std::vector<std::string>& arguments,
                const config::Surroundings& surroundings, const ServiceFactory& make_service) {
  std::string name = base_name(program);
  Command command = interpret(name, arguments, surroundings);
  if (const Print* text = std::get_if<Print>(&command)) {
    print(*text);
    return text->exit_code;
  }
  if (const SendSignal* send = std::get_if<SendSignal>(&command)) {
    Result<void> sent = send_signal(send->number, send->target, name);
    if (sent) return 0;
    std::fprintf(stderr, "%s: %s\n", name.c_str(), sent.error().message.c_str());
    return 1;
  }
  return Process(name, std::move(std::get<Run>(command)), surroundings).run(make_service);
}

}  // namespace natrix::main
