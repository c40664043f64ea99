#include "operator/metrics/http_listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <list>
#include <vector>

namespace natrix::metrics {
namespace {

using SteadyClock = std::chrono::steady_clock;

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

std::string render(const Page& page, bool with_body) {
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n",
      page.status, reason_of(page.status), page.content_type, page.body.size(),
      page.status == 405 ? "Allow: GET, HEAD\r\n" : "");
  return with_body ? head + page.body : head;
}

std::string answer(const std::string& request, const HttpListener::Handler& handler) {
  std::string line = request.substr(0, request.find("\r\n"));
  size_t first = line.find(' ');
  size_t second = first == std::string::npos ? first : line.find(' ', first + 1);
  if (second == std::string::npos || line.compare(second + 1, 5, "HTTP/") != 0 ||
      line[first + 1] != '/') {
    return render({.status = 400, .body = "not an HTTP request\n"}, true);
  }
  std::string method = line.substr(0, first);
  if (method != "GET" && method != "HEAD") {
    return render({.status = 405, .body = "only GET and HEAD\n"}, true);
  }
  std::string path = line.substr(first + 1, second - first - 1);
  return render(handler(path.substr(0, path.find('?'))), method == "GET");
}

struct Address {
  std::string host;  // empty: all
  std::string port;
};

Result<Address> split_address(const std::string& text) {
  size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size()) {
    return fail(fmt::format("address \"{}\" is not of the form host:port", text));
  }
  std::string host = text.substr(0, colon);
  std::string port = text.substr(colon + 1);
  bool digits = port.find_first_not_of("0123456789") == std::string::npos && port.size() <= 5;
  if (!digits || std::stoi(port) > 65535) {
    return fail(fmt::format("address \"{}\": the port is a number up to 65535", text));
  }
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return Address{host, port};
}

Result<int> listen_on(const std::string& text) {
  auto address = split_address(text);
  if (!address) return fail(address.error().message);
  addrinfo hints{};
  hints.ai_family = address->host.empty() ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const char* host = address->host.empty() ? nullptr : address->host.c_str();
  int error = ::getaddrinfo(host, address->port.c_str(), &hints, &found);
  if (error != 0) return fail(fmt::format("address \"{}\": {}", text, ::gai_strerror(error)));
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);

  int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  int off = 0;
  bool good = fd >= 0;
  if (good) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (good && found->ai_family == AF_INET6) {
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, host ? &on : &off, sizeof on);
  }
  good = good && ::bind(fd, found->ai_addr, found->ai_addrlen) == 0 && ::listen(fd, 64) == 0;
  if (good) return fd;
  int cause = errno;
  if (fd >= 0) ::close(fd);
  // A machine without IPv6 has no dual-stack socket to offer.
  if (cause == EAFNOSUPPORT && !host) return listen_on("0.0.0.0:" + address->port);
  return fail(fmt::format("cannot listen on {}: {}", text, std::strerror(cause)));
}

int port_of(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
  char service[NI_MAXSERV] = "0";
  ::getnameinfo(reinterpret_cast<sockaddr*>(&name), size, nullptr, 0, service, sizeof service,
                NI_NUMERICSERV);
  return std::atoi(service);
}

}  // namespace

struct HttpListener::Connection {
  int fd;
  SteadyClock::time_point deadline;
  std::string in;
  std::string out;
  size_t sent = 0;
  bool drained = false;  // answered; what the client still sends is thrown away
};

// The thread's whole state.
class HttpListener::Loop {
 public:
  Loop(int listener, int wake, Handler handler)
      : listener_(listener), wake_(wake), handler_(std::move(handler)) {}
  ~Loop() {
    for (Connection& connection : connections_) ::close(connection.fd);
    ::close(listener_);
  }

  void run() {
    while (true) {
      std::vector<pollfd> fds{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const Connection& connection : connections_) {
        bool writing = !connection.out.empty() && !connection.drained;
        fds.push_back({connection.fd, static_cast<short>(writing ? POLLOUT : POLLIN), 0});
      }
      if (::poll(fds.data(), fds.size(), wait_ms()) < 0 && errno != EINTR) return;
      if (fds[0].revents != 0) return;
      auto now = SteadyClock::now();
      size_t i = 2;
      for (auto it = connections_.begin(); it != connections_.end(); ++i) {
        auto here = it++;
        bool keep = fds[i].revents == 0 || advance(*here);
        if (!keep || now >= here->deadline) drop(here);
      }
      if (fds[1].revents != 0) accept_all();
    }
  }

 private:
  [[nodiscard]] int wait_ms() const {
    if (connections_.empty()) return -1;
    auto left = connections_.front().deadline - SteadyClock::now();  // the oldest is in front
    auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return static_cast<int>(std::max<int64_t>(ms, 0));
  }

  void accept_all() {
    while (true) {
      int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      if (connections_.size() == kMaxConnections) drop(connections_.begin());
      connections_.push_back({.fd = fd, .deadline = SteadyClock::now() + kDeadline});
    }
  }

  void drop(std::list<Connection>::iterator it) {
    ::close(it->fd);
    connections_.erase(it);
  }

  // False: the connection is done.
  bool advance(Connection& connection) {
    if (connection.drained) return discard(connection);
    if (connection.out.empty() && !read(connection)) return false;
    if (connection.out.empty()) return true;
    ssize_t wrote = ::send(connection.fd, connection.out.data() + connection.sent,
                           connection.out.size() - connection.sent, MSG_NOSIGNAL);
    if (wrote < 0) return errno == EAGAIN || errno == EINTR;
    connection.sent += static_cast<size_t>(wrote);
    if (connection.sent < connection.out.size()) return true;
    // Closing while the client still sends would reset the connection and take the answer with it.
    ::shutdown(connection.fd, SHUT_WR);
    connection.drained = true;
    return true;
  }

  static bool discard(Connection& connection) {
    char bytes[2048];
    ssize_t got = ::recv(connection.fd, bytes, sizeof bytes, 0);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }

  bool read(Connection& connection) {
    char bytes[2048];
    ssize_t got = ::recv(connection.fd, bytes, sizeof bytes, 0);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    connection.in.append(bytes, static_cast<size_t>(got));
    if (connection.in.find("\r\n\r\n") != std::string::npos) {
      connection.out = answer(connection.in, handler_);
    } else if (connection.in.size() > kMaxRequestBytes) {
      connection.out = render({.status = 431, .body = "request too large\n"}, true);
    }
    return true;
  }

  const int listener_;
  const int wake_;
  const Handler handler_;
  std::list<Connection> connections_;  // by age, the oldest first
};

Result<std::unique_ptr<HttpListener>> HttpListener::open(const std::string& address,
                                                         Handler handler) {
  auto fd = listen_on(address);
  if (!fd) return fail(fd.error().message);
  std::unique_ptr<HttpListener> listener(new HttpListener);
  listener->port_ = port_of(*fd);
  listener->wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  listener->thread_ =
      std::thread([loop = std::make_shared<Loop>(*fd, listener->wake_fd_, std::move(handler))] {
        loop->run();
      });
  return listener;
}

HttpListener::~HttpListener() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t ignored = ::write(wake_fd_, &one, sizeof one);
  if (thread_.joinable()) thread_.join();
  ::close(wake_fd_);
}

}  // namespace natrix::metrics
