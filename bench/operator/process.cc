#include "bench/operator/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <httplib.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace natrix::bench {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kStartDeadline = std::chrono::seconds(120);
constexpr auto kStopDeadline = std::chrono::seconds(30);
constexpr auto kPollInterval = std::chrono::milliseconds(20);

}  // namespace

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (fd < 0 || bind(fd, generic, length) != 0 || getsockname(fd, generic, &length) != 0) {
    throw std::runtime_error(fmt::format("no free port: {}", strerror(errno)));
  }
  close(fd);
  return ntohs(address.sin_port);
}

OperatorProcess::OperatorProcess(const std::string& program, const std::string& kubeconfig,
                                 const std::string& name, const std::vector<std::string>& arguments)
    : port_(free_port()) {
  char path[] = "/tmp/natrix-bench-operator-XXXXXX";
  const int log = mkostemp(path, O_CLOEXEC);
  if (log < 0) throw std::runtime_error("cannot create a file for the operator's log below /tmp");
  log_path_ = path;
  std::vector<std::string> words = {program,          "run",
                                    "--kubeconfig",   kubeconfig,
                                    "--metrics-addr", fmt::format("127.0.0.1:{}", port_)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error(fmt::format("fork: {}", strerror(errno)));
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // it must not outlive an interrupted measurement
    setenv("POD_NAME", name.c_str(), 1);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execvp(argv[0], argv.data());
    dprintf(STDERR_FILENO, "cannot execute %s: %s\n", argv[0], strerror(errno));
    _exit(127);
  }
  close(log);
}

OperatorProcess::~OperatorProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  unlink(log_path_.c_str());
}

void OperatorProcess::wait_ready() {
  const auto deadline = Clock::now() + kStartDeadline;
  while (Clock::now() < deadline) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("the operator ended by itself:\n" + log_tail());
    }
    httplib::Client client("127.0.0.1", port_);
    const auto answer = client.Get("/readyz");
    if (answer && answer->status == 200) return;
    std::this_thread::sleep_for(kPollInterval);
  }
  throw std::runtime_error("the operator does not become ready:\n" + log_tail());
}

void OperatorProcess::end() {
  signal(SIGTERM);
  wait_ended();
}

void OperatorProcess::signal(int number) const {
  kill(pid_, number);
}

void OperatorProcess::wait_ended() {
  const auto deadline = Clock::now() + kStopDeadline;
  while (waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (Clock::now() > deadline) {
      throw std::runtime_error("the operator does not end:\n" + log_tail());
    }
    std::this_thread::sleep_for(kPollInterval);
  }
  pid_ = -1;
}

std::chrono::nanoseconds OperatorProcess::cpu_time() const {
  clockid_t clock{};
  timespec now{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &now) != 0) {
    throw std::runtime_error("cannot read the operator's CPU clock:\n" + log_tail());
  }
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

uint64_t OperatorProcess::resident_bytes() const {
  return field_kib("smaps_rollup", "Rss:") * 1024;
}

uint64_t OperatorProcess::private_bytes() const {
  return (field_kib("smaps_rollup", "Private_Clean:") +
          field_kib("smaps_rollup", "Private_Dirty:")) *
         1024;
}

uint64_t OperatorProcess::peak_resident_bytes() const {
  return field_kib("status", "VmHWM:") * 1024;
}

double OperatorProcess::metric(const std::string& name) const {
  std::istringstream lines(page("/metrics"));
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, name.size(), name) != 0) continue;
    const char next = line.size() > name.size() ? line[name.size()] : '\0';
    if (next == ' ' || next == '{') sum += std::stod(line.substr(line.rfind(' ') + 1));
  }
  return sum;
}

std::string OperatorProcess::page(const std::string& path) const {
  httplib::Client client("127.0.0.1", port_);
  const auto answer = client.Get(path.c_str());
  if (!answer) throw std::runtime_error(path + ": no answer from the operator:\n" + log_tail());
  return answer->body;
}

uint64_t OperatorProcess::field_kib(const char* file, const char* field) const {
  const std::string path = fmt::format("/proc/{}/{}", pid_, file);
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(field, 0) == 0) return std::stoull(line.substr(strlen(field)));
  }
  throw std::runtime_error(fmt::format("no field {} in {}", field, path));
}

std::string OperatorProcess::log_tail() const {
  std::ifstream in(log_path_);
  std::stringstream all;
  all << in.rdbuf();
  const std::string text = all.str();
  constexpr size_t kTail = 3000;
  return text.size() > kTail ? text.substr(text.size() - kTail) : text;
}

}  // namespace natrix::bench
