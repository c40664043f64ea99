#include "bench/loadgen/server_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "bench/loadgen/peer.h"

namespace natrix::bench {

namespace {

constexpr auto kStartDeadline = std::chrono::seconds(10);
constexpr auto kStopDeadline = std::chrono::seconds(5);
constexpr auto kPollInterval = std::chrono::milliseconds(10);

// "version" is the NATS level that clients go by; a server that is not nats-server names itself.
std::string name_in(const std::string& info) {
  auto fields = nlohmann::json::parse(info);
  if (fields.contains("impl")) {
    return fmt::format("{} {}", fields["impl"].get<std::string>(),
                       fields.value("impl_version", "of no version"));
  }
  return "nats-server " + fields.value("version", "of no version");
}

}  // namespace

ServerProcess::ServerProcess(const std::string& program, const std::vector<std::string>& arguments)
    : port_(free_loopback_port()) {
  char path[] = "/tmp/natrix-bench-XXXXXX";
  int fd = mkstemp(path);
  if (fd < 0) {
    throw std::runtime_error("cannot create a file for the server's output below /tmp");
  }
  close(fd);
  output_path_ = path;
  try {
    spawn(program, arguments);
    wait_until_ready();
  } catch (...) {
    stop();
    throw;
  }
}

ServerProcess::~ServerProcess() {
  stop();
}

void ServerProcess::spawn(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {program, "-a", "127.0.0.1", "-p", std::to_string(port_)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);

  pid_ = fork();
  if (pid_ < 0) {
    throw std::runtime_error(fmt::format("fork: {}", strerror(errno)));
  }
  if (pid_ == 0) {
    // The server must not outlive an interrupted measurement.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(output_path_.c_str(), O_WRONLY | O_APPEND);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    execvp(argv[0], argv.data());
    dprintf(STDERR_FILENO, "cannot execute %s: %s\n", argv[0], strerror(errno));
    _exit(127);
  }
}

void ServerProcess::wait_until_ready() {
  auto deadline = std::chrono::steady_clock::now() + kStartDeadline;
  while (std::chrono::steady_clock::now() < deadline) {
    check_alive();
    try {
      Peer probe(port_);
      probe.ping_pong();
      name_ = name_in(probe.info());
      return;
    } catch (const std::runtime_error&) {
      std::this_thread::sleep_for(kPollInterval);
    }
  }
  throw std::runtime_error("the server does not answer on its port:\n" + output_tail());
}

void ServerProcess::check_alive() {
  int status = 0;
  if (pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = -1;
    throw std::runtime_error("the server ended by itself:\n" + output_tail());
  }
}

std::chrono::nanoseconds ServerProcess::cpu_time() const {
  clockid_t clock{};
  timespec now{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &now) != 0) {
    throw std::runtime_error("cannot read the server's CPU clock:\n" + output_tail());
  }
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

uint64_t ServerProcess::resident_bytes() const {
  return field("smaps_rollup", "Rss:") * 1024;
}

uint64_t ServerProcess::peak_resident_bytes() const {
  return field("status", "VmHWM:") * 1024;
}

uint64_t ServerProcess::disk_bytes() const {
  uint64_t written = field("io", "write_bytes:");
  return written - std::min(written, field("io", "cancelled_write_bytes:"));
}

uint64_t ServerProcess::field(const char* file, const char* name) const {
  std::string path = fmt::format("/proc/{}/{}", pid_, file);
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(name, 0) == 0) {
      return std::stoull(line.substr(strlen(name)));
    }
  }
  throw std::runtime_error(fmt::format("no field {} in {}", name, path));
}

std::string ServerProcess::output_tail() const {
  std::ifstream in(output_path_);
  std::stringstream all;
  all << in.rdbuf();
  std::string text = all.str();
  constexpr size_t kTail = 2000;
  return text.size() > kTail ? text.substr(text.size() - kTail) : text;
}

void ServerProcess::stop() {
  auto deadline = std::chrono::steady_clock::now() + kStopDeadline;
  if (pid_ > 0) {
    kill(pid_, SIGINT);
    while (waitpid(pid_, nullptr, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > deadline) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        break;
      }
      std::this_thread::sleep_for(kPollInterval);
    }
    pid_ = -1;
  }
  unlink(output_path_.c_str());
}

}  // namespace natrix::bench
