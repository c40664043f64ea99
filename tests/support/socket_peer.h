// The test's end of a stream socket: blocking calls with a deadline, so that a test that waits for
// bytes that never come fails instead of hanging.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace natrix::tests {

inline constexpr auto kPatience =
    std::chrono::seconds(20);  // sanitizers on a busy machine are slow

// Polls until `condition` holds; false after kPatience.
template <class F>
bool eventually(F&& condition) {
  auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

class SocketPeer {
 public:
  SocketPeer() = default;
  explicit SocketPeer(int fd) : fd_(fd) {}  // takes it over
  ~SocketPeer() { close(); }
  SocketPeer(SocketPeer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  SocketPeer& operator=(SocketPeer&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  // Connects to a port of 127.0.0.1; check open().
  static SocketPeer dial(int port) {
    SocketPeer peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(peer.fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      peer.close();
    }
    return peer;
  }

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // Closing sends a reset instead of an orderly end.
  void reset() {
    linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close();
  }

  // False when the other end has gone or takes nothing for too long.
  bool send(std::string_view bytes, std::chrono::milliseconds patience = kPatience) {
    while (!bytes.empty()) {
      ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n >= 0) {
        bytes.remove_prefix(static_cast<size_t>(n));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (!wait(POLLOUT, patience)) return false;
      } else if (errno != EINTR) {
        return false;
      }
    }
    return true;
  }

  enum class Read { kData, kEnd, kReset, kTimeout };
  // Appends what has arrived to `into`, waiting for the first byte.
  Read read(std::string& into, std::chrono::milliseconds patience = kPatience) {
    char buffer[64 * 1024];
    while (true) {
      ssize_t n = ::recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT);
      if (n > 0) {
        into.append(buffer, static_cast<size_t>(n));
        return Read::kData;
      }
      if (n == 0) return Read::kEnd;
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return Read::kReset;
      if (!wait(POLLIN, patience)) return Read::kTimeout;
    }
  }
  // Reads until `into` ends with `suffix`; false at the end of the stream or of patience.
  bool read_until(std::string& into, std::string_view suffix) {
    while (!into.ends_with(suffix)) {
      if (read(into) != Read::kData) return false;
    }
    return true;
  }
  // Reads to the end; how it ended.
  Read read_all(std::string& into) {
    Read how = Read::kData;
    while (how == Read::kData) how = read(into);
    return how;
  }

 private:
  bool wait(short events, std::chrono::milliseconds patience) {
    pollfd poll{fd_, events, 0};
    return ::poll(&poll, 1, static_cast<int>(patience.count())) > 0;
  }
  int fd_ = -1;
};

}  // namespace natrix::tests
