#include "broker/server/listener.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace natrix::server {

namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsPerRound = 64;
// Out of descriptors: the connections that exist go on, new ones are tried again soon.
constexpr auto kRetryDelay = std::chrono::milliseconds(100);

int port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return address.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6&>(address).sin6_port)
                                       : ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
}

// Every interface means both families, as with nats-server, whichever of its names was used. A
// machine without IPv6 gets IPv4 alone.
std::vector<std::string> hosts_to_try(const std::string& host) {
  if (host.empty() || host == "0.0.0.0" || host == "::") return {"::", "0.0.0.0"};
  return {host};
}

// -1 and errno when it cannot be had.
int listening_socket(const addrinfo& address) {
  int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int on = 1, off = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.ai_family == AF_INET6) {
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (::bind(fd, address.ai_addr, address.ai_addrlen) == 0 && ::listen(fd, kBacklog) == 0) {
    return fd;
  }
  int problem = errno;
  ::close(fd);
  errno = problem;
  return -1;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(asio::io_context& context, const std::string& host,
                                                 int port, OnAccept on_accept) {
  std::string problem = "no address";
  for (const std::string& name : hosts_to_try(host)) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    int code =
        ::getaddrinfo(name.c_str(), std::to_string(port < 0 ? 0 : port).c_str(), &hints, &found);
    if (code != 0) {
      problem = ::gai_strerror(code);
      continue;
    }
    std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
    for (addrinfo* a = found; a != nullptr; a = a->ai_next) {
      int fd = listening_socket(*a);
      if (fd >= 0)
        return std::make_unique<Listener>(context, fd, port_of(fd), std::move(on_accept));
      problem = std::strerror(errno);
      // Taken is taken: the other family alone would be half a listener.
      if (errno == EADDRINUSE || errno == EACCES) {
        return fail(fmt::format("cannot listen on port {}:{}: {}", host, port, problem));
      }
    }
  }
  return fail(fmt::format("cannot listen on port {}:{}: {}", host, port, problem));
}

Listener::Listener(asio::io_context& context, int fd, int port, OnAccept on_accept)
    : socket_(context, fd), retry_(context), port_(port), on_accept_(std::move(on_accept)) {}

void Listener::start() {
  wait();
}

void Listener::wait() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const std::error_code& e) {
    if (!e) accept_ready();
  });
}

void Listener::accept_ready() {
  for (int i = 0; i < kAcceptsPerRound; ++i) {
    int fd = ::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      on_accept_(fd);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      retry_.expires_after(kRetryDelay);
      retry_.async_wait([this](const std::error_code& e) {
        if (!e) wait();
      });
      return;
    }
    // The peer hung up before it was accepted: nothing to do with the others.
  }
  wait();
}

void Listener::close() {
  std::error_code ignored;
  retry_.cancel();
  socket_.close(ignored);
}

}  // namespace natrix::server
