// Sink to a syslog daemon: the local one (/dev/log and its other customary places) or a remote one
// by UDP, TCP or a Unix socket.
//
// Used under the logger's lock and never waits after it was opened: what the daemon does not take
// at once is kept up to kBacklogBytes (stream sockets only), the rest is dropped, counted, and the
// loss is told in a line of its own once lines flow again. A lost connection is tried again at most
// once a second, at the address found when the sink was opened.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "broker/base/log.h"

namespace natrix {

class SyslogSink final : public LogSink {
 public:
  static constexpr size_t kBacklogBytes = 1 << 20;

  // The local daemon; fails if none listens.
  static Result<std::shared_ptr<SyslogSink>> open_local();
  // `address` as udp://host:port, tcp://host:port (default port 514) or unix:///path. Fails if it
  // is malformed or, other than UDP, nobody listens.
  static Result<std::shared_ptr<SyslogSink>> open_remote(const std::string& address);
  ~SyslogSink() override;
  SyslogSink(const SyslogSink&) = delete;
  SyslogSink& operator=(const SyslogSink&) = delete;

  void write(LogLevel level, std::string_view line) override;
  [[nodiscard]] bool wants_bare_text() const override { return true; }

 private:
  struct Target {
    sockaddr_storage address{};
    socklen_t length = 0;
    int type = SOCK_DGRAM;
    bool local = false;  // the local daemon's line form: short time, no host name
  };
  static Result<Target> parse_target(const std::string& address);
  static Result<Target> resolve(int type, const std::string& host, const std::string& port);
  static Result<Target> unix_target(const std::string& path, bool local);
  static Result<std::shared_ptr<SyslogSink>> open(const Target& target, const std::string& name);

  explicit SyslogSink(const Target& target);

  // 0 or the errno of the failure. With `wait` a connection attempt may take some seconds.
  int connect(bool wait);
  int connect_as(int type, bool wait);
  void disconnect();
  void send(std::string_view message);
  void flush();
  [[nodiscard]] std::string message(LogLevel level, std::string_view text) const;

  Target target_;
  std::string tag_;
  std::string host_name_;
  int fd_ = -1;
  bool stream_ = false;
  std::string backlog_;  // bytes a stream socket has not taken yet
  uint64_t dropped_ = 0;
  std::chrono::steady_clock::time_point last_attempt_;
};

}  // namespace natrix
