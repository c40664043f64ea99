#include "operator/local/agent/probe.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <httplib.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace natrix::agent {

using workload::integer;
using workload::member;
using workload::text;

namespace {

constexpr size_t kMaxProbeBody = size_t{64} << 10;

// A port by number or by the name it has in the container.
int port_of(const Json& check, const Json& container) {
  const Json& port = member(check, {"port"});
  if (port.is_number_integer()) return port.get<int>();
  for (const Json& known : member(container, {"ports"})) {
    if (member(known, {"name"}) == port) return static_cast<int>(integer(known, {"containerPort"}));
  }
  return 0;
}

std::string host_of(const Json& check, const ProbeTarget& target) {
  const std::string host = text(check, {"host"});
  return host.empty() ? target.address : host;
}

Verdict http_get(const Json& check, const ProbeTarget& target, std::chrono::milliseconds timeout) {
  if (text(check, {"scheme"}) == "HTTPS") {
    return {false, "httpGet: scheme HTTPS is not offered in local mode"};
  }
  const int port = port_of(check, target.container);
  if (port == 0)
    return {false, fmt::format("httpGet: unknown port {}", member(check, {"port"}).dump())};
  httplib::Client client(host_of(check, target), port);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_write_timeout(timeout);
  client.set_keep_alive(false);
  httplib::Headers headers{{"User-Agent", "kube-probe/local"}};
  for (const Json& header : member(check, {"httpHeaders"})) {
    headers.emplace(text(header, {"name"}), text(header, {"value"}));
  }
  std::string path = text(check, {"path"});
  if (!path.starts_with('/')) path = "/" + path;
  // The status is all that counts; a body without end must not hold up the pod.
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  int status = 0;
  const httplib::Result result = client.Get(
      path, headers,
      [&](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&, left = kMaxProbeBody](const char*, size_t size) mutable {
        left -= std::min(left, size);
        return left > 0 && std::chrono::steady_clock::now() < deadline;
      });
  const std::string url = fmt::format("http://{}:{}{}", host_of(check, target), port, path);
  if (status == 0) {
    return {false, fmt::format("Get \"{}\": {}", url, httplib::to_string(result.error()))};
  }
  if (status >= 200 && status < 400) return {true, ""};
  return {false, fmt::format("HTTP probe failed with statuscode: {}", status)};
}

Verdict tcp_socket(const Json& check, const ProbeTarget& target,
                   std::chrono::milliseconds timeout) {
  const int port = port_of(check, target.container);
  const std::string host = host_of(check, target);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (port == 0 || inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    return {false, fmt::format("tcpSocket: cannot tell where {}:{} is", host, port)};
  }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  pollfd writable{fd, POLLOUT, 0};
  int error = ETIMEDOUT;
  if (poll(&writable, 1, static_cast<int>(timeout.count())) > 0) {
    socklen_t size = sizeof(error);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  close(fd);
  if (error == 0) return {true, ""};
  return {false, fmt::format("dial tcp {}:{}: {}", host, port, std::strerror(error))};
}

Verdict exec(const Json& check, const ProbeTarget& target, std::chrono::milliseconds timeout) {
  std::vector<std::string> words;
  for (const Json& word : member(check, {"command"})) words.push_back(word);
  if (words.empty()) return {false, "exec: no command"};
  Result<std::unique_ptr<Process>> process = target.processes->start(target.command(words));
  if (!process) return {false, process.error().message};
  const std::optional<ExitStatus> status = (*process)->wait(timeout);
  if (!status) return {false, fmt::format("command timed out: {}", words.front())};
  if (status->code == 0) return {true, ""};
  return {false, fmt::format("command {} exited with {}", words.front(), status->code)};
}

std::chrono::milliseconds seconds(const Json& probe, const char* name, int64_t otherwise) {
  return std::chrono::seconds(integer(probe, {name}, otherwise));
}

}  // namespace

Verdict attempt(const Json& check, const ProbeTarget& target, std::chrono::milliseconds timeout) {
  if (check.contains("httpGet")) return http_get(check["httpGet"], target, timeout);
  if (check.contains("tcpSocket")) return tcp_socket(check["tcpSocket"], target, timeout);
  if (check.contains("exec")) return exec(check["exec"], target, timeout);
  if (check.contains("sleep")) {
    std::this_thread::sleep_for(std::min(timeout, seconds(check["sleep"], "seconds", 0)));
    return {true, ""};
  }
  return {false, "only httpGet, tcpSocket and exec checks are offered in local mode"};
}

ProbeState::ProbeState(const Json& probe, bool initially, Time started)
    : period_(std::max(seconds(probe, "periodSeconds", 10), std::chrono::milliseconds(1000))),
      timeout_(std::max(seconds(probe, "timeoutSeconds", 1), std::chrono::milliseconds(1000))),
      success_threshold_(std::max<int64_t>(1, integer(probe, {"successThreshold"}, 1))),
      failure_threshold_(std::max<int64_t>(1, integer(probe, {"failureThreshold"}, 3))),
      good_(initially),
      due_(started + seconds(probe, "initialDelaySeconds", 0)) {}

bool ProbeState::add(bool ok, Time now) {
  run_ = ok == last_ ? run_ + 1 : 1;
  last_ = ok;
  due_ = now + period_;
  if (ok) {
    if (run_ >= success_threshold_) good_ = true;
    return false;
  }
  if (run_ < failure_threshold_) return false;
  good_ = false;
  return run_ % failure_threshold_ == 0;
}

}  // namespace natrix::agent
