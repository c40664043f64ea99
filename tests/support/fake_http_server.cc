#include "tests/support/fake_http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace natrix::tests {
namespace {

constexpr int kPollMs = 20;

// Appends what arrives to `buffer`; false at the end of the connection.
bool receive(int fd, std::string& buffer, const std::atomic<bool>& stopping) {
  while (!stopping) {
    pollfd ready{fd, POLLIN, 0};
    int count = ::poll(&ready, 1, kPollMs);
    if (count < 0) return false;
    if (count == 0) continue;
    char bytes[16384];
    ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer.append(bytes, static_cast<size_t>(got));
    return true;
  }
  return false;
}

FakeRequest parse_head(const std::string& head) {
  FakeRequest request;
  size_t line_end = head.find("\r\n");
  std::string line = head.substr(0, line_end);
  size_t first = line.find(' ');
  size_t second = line.find(' ', first + 1);
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, second - first - 1);
  size_t pos = line_end + 2;
  while (pos < head.size()) {
    size_t end = head.find("\r\n", pos);
    std::string header = head.substr(pos, end - pos);
    size_t colon = header.find(':');
    if (colon != std::string::npos) {
      std::string name = header.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      size_t value = header.find_first_not_of(' ', colon + 1);
      request.headers[name] = value == std::string::npos ? "" : header.substr(value);
    }
    if (end == std::string::npos) break;
    pos = end + 2;
  }
  return request;
}

}  // namespace

bool FakeConnection::send(const std::string& bytes) {
  size_t sent = 0;
  while (open_ && sent < bytes.size()) {
    pollfd ready{fd_, POLLOUT, 0};
    int count = ::poll(&ready, 1, kPollMs);
    if (stopping_ || count < 0) return false;
    if (count == 0) continue;
    ssize_t wrote =
        ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (wrote < 0) return false;
    sent += static_cast<size_t>(wrote);
  }
  return open_;
}

bool FakeConnection::respond(int status, const std::string& body,
                             const std::string& extra_headers) {
  return send(
      fmt::format("HTTP/1.1 {} Status\r\nContent-Type: application/json\r\n"
                  "Content-Length: {}\r\n{}\r\n{}",
                  status, body.size(), extra_headers, body));
}

bool FakeConnection::begin_chunks() {
  return send(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
}

bool FakeConnection::chunk(const std::string& bytes) {
  return send(fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes));
}

bool FakeConnection::end_chunks() {
  return send("0\r\n\r\n");
}

void FakeConnection::close() {
  if (open_) ::shutdown(fd_, SHUT_RDWR);
  open_ = false;
}

void FakeConnection::reset() {
  linger hard{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  open_ = false;
}

bool FakeConnection::peer_closed_within(std::chrono::milliseconds timeout) {
  auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!stopping_ && std::chrono::steady_clock::now() < deadline) {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, kPollMs) <= 0) continue;
    char byte;
    if (::recv(fd_, &byte, 1, MSG_PEEK) <= 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

FakeHttpServer::FakeHttpServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("fake server");
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

FakeHttpServer::~FakeHttpServer() {
  stopping_ = true;
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

std::string FakeHttpServer::url() const {
  return fmt::format("http://127.0.0.1:{}", port_);
}

std::vector<FakeRequest> FakeHttpServer::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

void FakeHttpServer::accept_loop() {
  while (!stopping_) {
    pollfd ready{listener_, POLLIN, 0};
    if (::poll(&ready, 1, kPollMs) <= 0) continue;
    int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void FakeHttpServer::serve(int fd) {
  std::string buffer;
  FakeConnection connection(fd, stopping_);
  while (connection.open() && !stopping_) {
    size_t head_end = buffer.find("\r\n\r\n");
    if (head_end == std::string::npos) {
      if (!receive(fd, buffer, stopping_)) break;
      continue;
    }
    FakeRequest request = parse_head(buffer.substr(0, head_end));
    size_t length = 0;
    if (auto it = request.headers.find("content-length"); it != request.headers.end()) {
      length = std::stoul(it->second);
    }
    while (buffer.size() < head_end + 4 + length) {
      if (!receive(fd, buffer, stopping_)) break;
    }
    if (buffer.size() < head_end + 4 + length) break;
    request.body = buffer.substr(head_end + 4, length);
    buffer.erase(0, head_end + 4 + length);
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    handler_(request, connection);
  }
  ::close(fd);
}

}  // namespace natrix::tests
