#include "broker/main/signals.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

#include "broker/base/assert.h"

namespace natrix::main {
namespace {

std::optional<int> parse_pid(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  int pid = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (problem != std::errc() || end != text.data() + text.size() || pid <= 0) return std::nullopt;
  return pid;
}

std::optional<std::string> contents(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

// Brokers on this machine, ourselves not counted.
std::vector<int> running_brokers(const std::string& program) {
  namespace fs = std::filesystem;
  std::vector<int> pids;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    std::optional<int> pid = parse_pid(entry->path().filename().string());
    if (!pid || *pid == getpid()) continue;
    std::ifstream comm(entry->path() / "comm");
    std::string name;
    std::getline(comm, name);
    // The kernel keeps 15 characters of a name.
    if (name == "nats-server" || name == "natrix-broker" || name == program.substr(0, 15))
      pids.push_back(*pid);
  }
  return pids;
}

Result<void> send_to(const std::vector<int>& pids, int number) {
  std::string errors;
  for (int pid : pids) {
    if (kill(pid, number) != 0)
      errors +=
          fmt::format("\nsignal \"{}\" {}: {}", signal_name(number), pid, std::strerror(errno));
  }
  if (errors.empty()) return {};
  return fail(errors.substr(1));
}

}  // namespace

SignalQueue::SignalQueue() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wakes_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  NATRIX_ASSERT(signals_ >= 0 && wakes_ >= 0, "signals can be taken at start");
}

SignalQueue::~SignalQueue() {
  ::close(signals_);
  ::close(wakes_);
}

int SignalQueue::wait(std::chrono::milliseconds limit) {
  const int most = limit.count() > 0 ? static_cast<int>(limit.count()) : -1;
  for (;;) {
    pollfd fds[] = {{signals_, POLLIN, 0}, {wakes_, POLLIN, 0}};
    const int ready = poll(fds, 2, most);
    if (ready == 0) return kTimeout;
    if (ready < 0) continue;  // EINTR
    uint64_t count = 0;
    if (::read(wakes_, &count, sizeof count) == sizeof count) return 0;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) == sizeof info)
      return static_cast<int>(info.ssi_signo);
  }
}

void SignalQueue::wake() {
  uint64_t one = 1;
  // Full only after 2^64 calls.
  [[maybe_unused]] ssize_t written = ::write(wakes_, &one, sizeof one);
}

std::string_view signal_name(int number) {
  switch (number) {
    case SIGINT:
      return "interrupt";
    case SIGTERM:
      return "terminated";
    case SIGHUP:
      return "hangup";
    case SIGUSR1:
      return "user defined signal 1";
    case SIGUSR2:
      return "user defined signal 2";
    case SIGKILL:
      return "killed";
    default:
      return "unknown";
  }
}

Result<void> send_signal(int number, const std::string& target, const std::string& program) {
  if (!target.empty() && !target.ends_with('*')) {
    std::string text = contents(target).value_or(target);
    std::optional<int> pid = parse_pid(text);
    if (!pid) return fail(fmt::format("invalid pid: {}", text));
    return send_to({*pid}, number);
  }
  std::vector<int> pids = running_brokers(program);
  if (target.size() > 1) {
    std::string prefix = target.substr(0, target.size() - 1);
    std::erase_if(pids, [&](int pid) { return !std::to_string(pid).starts_with(prefix); });
  }
  if (pids.empty()) return fail(fmt::format("no {} processes running", program));
  if (pids.size() > 1 && target.empty()) {
    return fail(fmt::format("multiple {} processes running:\n{}", program, fmt::join(pids, "\n")));
  }
  return send_to(pids, number);
}

}  // namespace natrix::main
