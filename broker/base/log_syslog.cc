#include "broker/base/log_syslog.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace natrix {
namespace {

constexpr int kFacilityDaemon = 3 << 3;
constexpr auto kReconnectPause = std::chrono::seconds(1);
constexpr int kConnectTimeoutMs = 5000;
constexpr const char* kLocalPaths[] = {"/dev/log", "/var/run/syslog", "/var/run/log"};

int severity(LogLevel level) {
  switch (level) {
    case LogLevel::kFatal:
      return 2;
    case LogLevel::kError:
      return 3;
    case LogLevel::kWarn:
      return 4;
    case LogLevel::kInfo:
    case LogLevel::kTrace:
      return 5;
    case LogLevel::kDebug:
      return 7;
  }
  return 5;
}

std::string formatted_time(const char* format) {
  time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

// "+0200" of strftime as the "+02:00" of RFC 3339.
std::string rfc3339_local() {
  std::string text = formatted_time("%Y-%m-%dT%H:%M:%S%z");
  return text.insert(text.size() - 2, ":");
}

// Waits until a non-blocking connect is decided; 0 or its errno.
int await_connect(int fd) {
  pollfd wait{fd, POLLOUT, 0};
  int ready = poll(&wait, 1, kConnectTimeoutMs);
  if (ready == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t length = sizeof error;
  if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

}  // namespace

Result<SyslogSink::Target> SyslogSink::unix_target(const std::string& path, bool local) {
  Target target;
  target.local = local;
  auto* address = reinterpret_cast<sockaddr_un*>(&target.address);
  if (path.empty() || path.size() >= sizeof address->sun_path)
    return fail(fmt::format("syslog socket path \"{}\" is empty or too long", path));
  address->sun_family = AF_UNIX;
  std::memcpy(address->sun_path, path.c_str(), path.size() + 1);
  target.length = sizeof(sockaddr_un);
  return target;
}

Result<SyslogSink::Target> SyslogSink::resolve(int type, const std::string& host,
                                               const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = type;
  addrinfo* found = nullptr;
  int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return fail(fmt::format("syslog host \"{}:{}\" cannot be resolved: {}", host, port,
                            gai_strerror(error)));
  }
  Target target;
  target.type = type;
  target.length = found->ai_addrlen;
  std::memcpy(&target.address, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return target;
}

Result<SyslogSink::Target> SyslogSink::parse_target(const std::string& address) {
  auto invalid = [&] {
    return fail(
        fmt::format("invalid syslog address \"{}\", want udp://host:port, "
                    "tcp://host:port or unix:///path",
                    address));
  };
  size_t scheme_end = address.find("://");
  if (scheme_end == std::string::npos) return invalid();
  std::string scheme = address.substr(0, scheme_end);
  std::string rest = address.substr(scheme_end + 3);
  if (scheme == "unix") return unix_target(rest, false);
  if (scheme != "udp" && scheme != "tcp") return invalid();

  std::string host = rest, port = "514";
  size_t colon = rest.rfind(':');
  size_t bracket = rest.rfind(']');
  if (colon != std::string::npos && (bracket == std::string::npos || colon > bracket)) {
    host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  if (host.empty() || port.empty()) return invalid();
  return resolve(scheme == "udp" ? SOCK_DGRAM : SOCK_STREAM, host, port);
}

Result<std::shared_ptr<SyslogSink>> SyslogSink::open(const Target& target,
                                                     const std::string& name) {
  std::shared_ptr<SyslogSink> sink(new SyslogSink(target));
  if (int error = sink->connect(true); error != 0)
    return fail(fmt::format("error connecting to syslog {}: {}", name, std::strerror(error)));
  return sink;
}

Result<std::shared_ptr<SyslogSink>> SyslogSink::open_local() {
  for (const char* path : kLocalPaths) {
    Result<Target> target = unix_target(path, true);
    if (!target) continue;
    if (auto sink = open(*target, path)) return sink;
  }
  return fail(
      "error connecting to syslog: no daemon listens on /dev/log; start one or log to a file");
}

Result<std::shared_ptr<SyslogSink>> SyslogSink::open_remote(const std::string& address) {
  Result<Target> target = parse_target(address);
  if (!target) return fail(target.error().message);
  return open(*target, address);
}

SyslogSink::SyslogSink(const Target& target)
    : target_(target), tag_(program_invocation_short_name) {
  char name[256] = "localhost";
  if (gethostname(name, sizeof name - 1) == 0) host_name_ = name;
}

SyslogSink::~SyslogSink() {
  if (fd_ >= 0) flush();
  disconnect();
}

int SyslogSink::connect(bool wait) {
  last_attempt_ = std::chrono::steady_clock::now();
  if (target_.address.ss_family != AF_UNIX) return connect_as(target_.type, wait);
  // Daemons differ in the kind of their socket.
  int error = connect_as(SOCK_DGRAM, wait);
  return error == EPROTOTYPE ? connect_as(SOCK_STREAM, wait) : error;
}

int SyslogSink::connect_as(int type, bool wait) {
  int fd = ::socket(target_.address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  int error = 0;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&target_.address), target_.length) != 0)
    error = errno;
  if (error == EINPROGRESS) error = wait ? await_connect(fd) : 0;
  if (error != 0) {
    ::close(fd);
    return error;
  }
  fd_ = fd;
  stream_ = type == SOCK_STREAM;
  return 0;
}

void SyslogSink::disconnect() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  // The rest of a line whose beginning the other side has is of no use on a new connection.
  backlog_.clear();
}

std::string SyslogSink::message(LogLevel level, std::string_view text) const {
  int priority = kFacilityDaemon | severity(level);
  if (target_.local) {
    return fmt::format("<{}>{} {}[{}]: {}\n", priority, formatted_time("%b %e %H:%M:%S"), tag_,
                       getpid(), text);
  }
  return fmt::format("<{}>{} {} {}[{}]: {}\n", priority, rfc3339_local(), host_name_, tag_,
                     getpid(), text);
}

void SyslogSink::flush() {
  while (!backlog_.empty()) {
    ssize_t sent = ::send(fd_, backlog_.data(), backlog_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      backlog_.erase(0, static_cast<size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      ++dropped_;
      disconnect();
      return;
    }
  }
}

void SyslogSink::send(std::string_view message) {
  if (stream_) {
    if (backlog_.size() + message.size() > kBacklogBytes) {
      ++dropped_;
      return;
    }
    backlog_ += message;
    flush();
    return;
  }
  if (::send(fd_, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return;
  ++dropped_;
  // A full queue clears by itself; after anything else the daemon may have a new socket.
  if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS) disconnect();
}

void SyslogSink::write(LogLevel level, std::string_view line) {
  if (fd_ < 0) {
    bool early = std::chrono::steady_clock::now() - last_attempt_ < kReconnectPause;
    if (early || connect(false) != 0) {
      ++dropped_;
      return;
    }
  }
  if (dropped_ > 0 && backlog_.empty()) {
    uint64_t lost = std::exchange(dropped_, 0);
    send(message(LogLevel::kWarn, fmt::format("{} log lines before this one were lost", lost)));
    if (fd_ < 0) return;
  }
  send(message(level, line));
}

}  // namespace natrix
