#include "bench/loadgen/peer.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace natrix::bench {

namespace {

constexpr int kAnswerTimeoutMs = 120'000;  // a million SUBs may stand before a PING
constexpr int kStallMs = 60'000;           // a slow disk, and a sync for each of many messages
constexpr size_t kReadBytes = 128 * 1024;
constexpr size_t kLargestMessage = 1024 * 1024;

std::runtime_error system_error(const char* what) {
  return std::runtime_error(fmt::format("{}: {}", what, strerror(errno)));
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void wait_for(int fd, short events) {
  pollfd entry{fd, events, 0};
  if (poll(&entry, 1, kAnswerTimeoutMs) == 0) {
    throw std::runtime_error("the server does not answer for two minutes");
  }
}

// Reads byte-exact lines: only for the quiet phases, where a line is all there is to read.
std::string read_line(int fd) {
  std::string line;
  while (line.empty() || line.back() != '\n') {
    char buffer[4096];
    wait_for(fd, POLLIN);
    ssize_t peeked = recv(fd, buffer, sizeof(buffer), MSG_PEEK);
    if (peeked <= 0) {
      throw std::runtime_error("the server closed the connection");
    }
    const void* end = memchr(buffer, '\n', static_cast<size_t>(peeked));
    size_t take = end == nullptr ? static_cast<size_t>(peeked)
                                 : static_cast<size_t>(static_cast<const char*>(end) - buffer) + 1;
    if (recv(fd, buffer, take, 0) != static_cast<ssize_t>(take)) {
      throw system_error("recv");
    }
    line.append(buffer, take);
  }
  return line;
}

void skip(int fd, size_t bytes) {
  std::string sink(bytes, '\0');
  while (bytes > 0) {
    wait_for(fd, POLLIN);
    ssize_t got = recv(fd, sink.data(), bytes, 0);
    if (got <= 0) {
      throw std::runtime_error("the server closed the connection");
    }
    bytes -= static_cast<size_t>(got);
  }
}

// Fills `words` with the line's words; returns how many there are, at most one more than fit.
template <size_t N>
size_t split(std::string_view line, std::string_view (&words)[N]) {
  size_t count = 0;
  while (!line.empty() && count < N) {
    size_t space = std::min(line.find(' '), line.size());
    words[count++] = line.substr(0, space);
    line.remove_prefix(std::min(space + 1, line.size()));
  }
  return line.empty() ? count : N + 1;
}

size_t number(std::string_view digits) {
  size_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    throw std::runtime_error(fmt::format("'{}' is no size", digits));
  }
  return value;
}

}  // namespace

uint16_t free_loopback_port() {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof(address);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw system_error("no free port on 127.0.0.1");
  }
  close(fd);
  return ntohs(address.sin_port);
}

Peer::Peer(uint16_t port, bool echo) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = loopback(port);
  if (fd_ < 0) {
    throw system_error("socket");
  }
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    int saved = errno;
    close(fd_);
    errno = saved;
    throw system_error("connect");
  }
  int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  try {
    std::string greeting = read_line(fd_);
    if (greeting.rfind("INFO ", 0) != 0) {
      throw std::runtime_error("greeting is not INFO but: " + greeting);
    }
    info_ = greeting.substr(strlen("INFO "));
    send_all(fmt::format(
        R"(CONNECT {{"verbose":false,"pedantic":false,"echo":{},"headers":true,"no_responders":true,)"
        R"("protocol":1,"lang":"natrix-loadgen","version":"1.0.0","name":"bench"}})"
        "\r\n",
        echo));
  } catch (...) {
    close(fd_);
    throw;
  }
}

Peer::Peer(Peer&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), info_(std::move(other.info_)) {}

Peer::~Peer() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

void Peer::send_all(std::string_view bytes) const {
  while (!bytes.empty()) {
    size_t sent = send_some(bytes);
    if (sent == 0) {
      wait_for(fd_, POLLOUT);
    }
    bytes.remove_prefix(sent);
  }
}

size_t Peer::send_some(std::string_view bytes) const {
  ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) {
    return static_cast<size_t>(sent);
  }
  if (errno == EAGAIN || errno == EINTR) {
    return 0;
  }
  throw system_error("send");
}

size_t Peer::ping_pong() const {
  send_all("PING\r\n");
  for (size_t messages = 0;;) {
    std::string line = read_line(fd_);
    if (line.rfind("PONG", 0) == 0) {
      return messages;
    }
    if (line.rfind("PING", 0) == 0) {
      send_all("PONG\r\n");
    } else if (line.rfind("MSG ", 0) == 0) {
      skip(fd_, std::stoul(line.substr(line.rfind(' '))) + 2);
      ++messages;
    } else if (line.rfind("INFO", 0) != 0) {
      throw std::runtime_error("unexpected while waiting for PONG: " + line);
    }
  }
}

void Peer::wait(bool writable) const {
  pollfd entry{fd_, static_cast<short>(POLLIN | (writable ? POLLOUT : 0)), 0};
  if (poll(&entry, 1, kStallMs) == 0) {
    throw std::runtime_error("stalled: nothing arrives any more, messages are missing");
  }
}

void Peer::answer_pings() const {
  char buffer[4096];
  ssize_t got = recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT);
  if (got == 0) {
    throw std::runtime_error("the server closed an idle connection");
  }
  if (got > 0 &&
      std::string_view(buffer, static_cast<size_t>(got)).find("PING") != std::string_view::npos) {
    send_all("PONG\r\n");
  }
}

bool PeerInput::fill() {
  if (filled_ == buffer_.size()) {
    throw std::runtime_error("the server sends a message larger than this reader expects");
  }
  ssize_t got = recv(peer_.fd(), buffer_.data() + filled_, buffer_.size() - filled_, MSG_DONTWAIT);
  if (got > 0) {
    filled_ += static_cast<size_t>(got);
    return true;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return false;
  }
  throw got == 0 ? std::runtime_error("the server closed the connection") : system_error("recv");
}

size_t PeerInput::control_line(std::string_view input) {
  size_t end = input.find('\n');
  if (end == std::string_view::npos) {
    return 0;
  }
  std::string_view line = input.substr(0, end + 1);
  if (line.substr(0, 4) == "PING") {
    pong_due_ = true;
  } else if (line.substr(0, 4) != "PONG" && line.substr(0, 4) != "INFO") {
    throw std::runtime_error(fmt::format("unexpected from the server: {}", line));
  }
  return line.size();
}

bool PeerInput::take_pong_due() {
  return std::exchange(pong_due_, false);
}

FrameReader::FrameReader(const Peer& peer, size_t frame_bytes)
    : frame_bytes_(frame_bytes), input_(peer, kReadBytes + frame_bytes) {}

MessageReader::MessageReader(const Peer& peer) : input_(peer, kReadBytes + kLargestMessage) {}

size_t MessageReader::parse(std::string_view input, Message& message) {
  size_t end = input.find('\n');
  if (end == std::string_view::npos) {
    return 0;
  }
  std::string_view words[6];
  size_t count = split(input.substr(0, end > 0 ? end - 1 : 0), words);
  bool with_headers = words[0] == "HMSG";
  size_t least = with_headers ? 5 : 4;  // one more with a reply
  if ((!with_headers && words[0] != "MSG") || count < least || count > least + 1) {
    throw std::runtime_error(fmt::format("unexpected from the server: {}", input.substr(0, end)));
  }
  size_t total = number(words[count - 1]);
  size_t header_bytes = with_headers ? number(words[count - 2]) : 0;
  size_t begin = end + 1;
  if (input.size() < begin + total + 2) {
    return 0;
  }
  if (header_bytes > total || input.substr(begin + total, 2) != "\r\n") {
    throw std::runtime_error(fmt::format("wrong sizes: {}", input.substr(0, end)));
  }
  message.subject = words[1];
  message.sid = words[2];
  message.reply = count > least ? words[3] : std::string_view{};
  message.headers = input.substr(begin, header_bytes);
  message.payload = input.substr(begin + header_bytes, total - header_bytes);
  return begin + total + 2;
}

}  // namespace natrix::bench
