#include "operator/local/agent/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgets to say that these are C functions
}

namespace natrix::agent {

namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// The file that execvpe would find with the child's own PATH.
std::string find_program(const Command& command) {
  const std::string& name = command.argv.front();
  if (name.find('/') != std::string::npos) return name;
  std::string path = "/usr/local/bin:/usr/bin:/bin";
  for (const std::string& variable : command.environment) {
    if (variable.starts_with("PATH=")) path = variable.substr(5);
  }
  for (size_t start = 0; start <= path.size();) {
    const size_t colon = std::min(path.find(':', start), path.size());
    const std::string candidate = path.substr(start, colon - start) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    start = colon + 1;
  }
  return name;
}

// Everything the child needs, made before fork: after it only async-signal-safe calls are allowed.
struct Prepared {
  std::string program;
  std::vector<char*> argv;
  std::vector<char*> environment;
  const char* directory;
  int output;
  int error_pipe;
  pid_t parent;
};

[[noreturn]] void give_up(int error_pipe) {
  const int error = errno;
  if (write(error_pipe, &error, sizeof(error)) < 0) _exit(126);
  _exit(127);
}

[[noreturn]] void run_child(const Prepared& child) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(child.error_pipe);
  if (getppid() != child.parent) _exit(127);  // it died before the line above
  setpgid(0, 0);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = open("/dev/null", O_RDWR);
  const int output = child.output >= 0 ? child.output : null;
  if (dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) give_up(child.error_pipe);
  if (child.directory != nullptr && chdir(child.directory) != 0) give_up(child.error_pipe);
  // Also the error pipe: its closing tells the parent that exec worked.
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  execve(child.program.c_str(), child.argv.data(), child.environment.data());
  give_up(child.error_pipe);
}

Result<std::unique_ptr<Process>> spawn(const Command& command) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return fail(fmt::format("pipe: {}", std::strerror(errno)));
  Prepared child{find_program(command),
                 pointers(command.argv),
                 pointers(command.environment),
                 command.directory.empty() ? nullptr : command.directory.c_str(),
                 command.output,
                 fds[1],
                 getpid()};
  const pid_t pid = fork();
  if (pid == 0) run_child(child);
  close(fds[1]);
  if (pid < 0) {
    close(fds[0]);
    return fail(fmt::format("fork: {}", std::strerror(errno)));
  }
  int error = 0;
  const ssize_t got = read(fds[0], &error, sizeof(error));
  close(fds[0]);
  if (got == sizeof(error)) {
    waitpid(pid, nullptr, 0);
    return fail(fmt::format("{}: {}", child.program, std::strerror(error)));
  }
  const int pidfd = pidfd_open(pid, 0);
  if (pidfd < 0) {
    const int reason = errno;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return fail(fmt::format("pidfd_open: {}", std::strerror(reason)));
  }
  return std::make_unique<Process>(pid, pidfd);
}

}  // namespace

Process::~Process() {
  if (!status_) {
    signal(SIGKILL);
    wait(std::chrono::hours(1));  // returns as soon as the kernel has taken it down
  }
  close(pidfd_);
}

std::optional<ExitStatus> Process::wait(std::chrono::milliseconds wait) {
  if (status_) return status_;
  pollfd exited{pidfd_, POLLIN, 0};
  if (poll(&exited, 1, static_cast<int>(wait.count())) <= 0) return std::nullopt;
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(pidfd_), &info, WEXITED | WNOWAIT) != 0) {
    return std::nullopt;
  }
  // Not collected yet, so the number still means this group.
  kill(-pid_, SIGKILL);
  waitid(P_PIDFD, static_cast<id_t>(pidfd_), &info, WEXITED);
  const bool killed = info.si_code != CLD_EXITED;
  status_ = ExitStatus{killed ? 128 + info.si_status : info.si_status, killed ? info.si_status : 0};
  return status_;
}

void Process::signal(int number) {
  if (!status_) pidfd_send_signal(pidfd_, number, nullptr, 0);
}

struct ProcessHost::State {
  struct Job {
    const Command* command;
    std::promise<Result<std::unique_ptr<Process>>> done;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;
  bool stopping = false;
  std::thread thread;

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stopping || !jobs.empty(); });
      if (jobs.empty()) return;
      Job job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job.done.set_value(spawn(*job.command));
      lock.lock();
    }
  }
};

ProcessHost::ProcessHost() : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

ProcessHost::~ProcessHost() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

Result<std::unique_ptr<Process>> ProcessHost::start(const Command& command) {
  State::Job job{&command, {}};
  std::future<Result<std::unique_ptr<Process>>> done = job.done.get_future();
  {
    const std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(std::move(job));
  }
  state_->changed.notify_all();
  return done.get();
}

}  // namespace natrix::agent
