#include "broker/server/listener.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

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

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(asio::io_context& context, const std::string& host,
                                                 int port, OnAccept on_accept) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  std::string service = std::to_string(port < 0 ? 0 : port);
  int code = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.c_str(), &hints, &found);
  if (code != 0) {
    return fail(fmt::format("cannot listen on {}:{}: {}", host, port, ::gai_strerror(code)));
  }
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  std::string problem = "no address";
  for (addrinfo* a = found; a != nullptr; a = a->ai_next) {
    int fd = ::socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      problem = std::strerror(errno);
      continue;
    }
    int on = 1, off = 0;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ai_family == AF_INET6) {
      ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (::bind(fd, a->ai_addr, a->ai_addrlen) == 0 && ::listen(fd, kBacklog) == 0) {
      return std::make_unique<Listener>(context, fd, port_of(fd), std::move(on_accept));
    }
    problem = std::strerror(errno);
    ::close(fd);
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
