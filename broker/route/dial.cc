#include "broker/route/dial.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <random>
#include <vector>

namespace natrix::route {

namespace {

// wire.md 2: route dial.
constexpr auto kDialTime = std::chrono::seconds(1);
constexpr auto kResolveTime = std::chrono::seconds(5);

std::string text(const asio::ip::tcp::endpoint& endpoint) {
  return host_port(endpoint.address().to_string(), endpoint.port());
}

}  // namespace

std::string host_port(const std::string& host, int port) {
  bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::set<std::string> own_addresses(int port) {
  std::set<std::string> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  for (ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    char ip[INET6_ADDRSTRLEN] = {};
    if (one->ifa_addr->sa_family == AF_INET) {
      ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(one->ifa_addr)->sin_addr, ip,
                  sizeof(ip));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      ::inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(one->ifa_addr)->sin6_addr, ip,
                  sizeof(ip));
    }
    if (ip[0] != 0) found.insert(host_port(ip, port));
  }
  ::freeifaddrs(list);
  return found;
}

std::shared_ptr<Dial> Dial::start(asio::io_context& context, const std::string& host, int port,
                                  Us us, Done done) {
  auto dial = std::make_shared<Dial>(context, host, port, std::move(us), std::move(done));
  dial->resolve();
  return dial;
}

Dial::Dial(asio::io_context& context, std::string host, int port, Us us, Done done)
    : resolver_(context),
      socket_(context),
      timer_(context),
      host_(std::move(host)),
      port_(port),
      us_(std::move(us)),
      done_(std::move(done)) {}

void Dial::resolve() {
  std::error_code error;
  auto address = asio::ip::make_address(host_, error);
  if (!error) return connect({address, static_cast<asio::ip::port_type>(port_)});
  timer_.expires_after(kResolveTime);
  timer_.async_wait([weak = weak_from_this()](const std::error_code& cancelled) {
    auto self = weak.lock();
    if (!cancelled && self)
      self->finish(fail(fmt::format("lookup for host \"{}\": timeout", self->host_)));
  });
  resolver_.async_resolve(
      host_, std::to_string(port_),
      [weak = weak_from_this()](const std::error_code& failed,
                                const asio::ip::tcp::resolver::results_type& results) {
        auto self = weak.lock();
        if (!self || !self->done_) return;
        if (failed) {
          return self->finish(
              fail(fmt::format("lookup for host \"{}\": {}", self->host_, failed.message())));
        }
        self->resolved(results);
      });
}

void Dial::resolved(const asio::ip::tcp::resolver::results_type& results) {
  std::vector<asio::ip::tcp::endpoint> candidates;
  for (const auto& result : results) {
    if (!us_.addresses.contains(text(result.endpoint()))) candidates.push_back(result.endpoint());
  }
  if (candidates.empty()) {
    return finish(fail(fmt::format("host \"{}\" has no address but our own", host_)));
  }
  static thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<size_t> any(0, candidates.size() - 1);
  connect(candidates[any(random)]);
}

void Dial::connect(const asio::ip::tcp::endpoint& endpoint) {
  timer_.expires_after(kDialTime);
  timer_.async_wait([weak = weak_from_this(), endpoint](const std::error_code& cancelled) {
    auto self = weak.lock();
    if (cancelled || !self) return;
    self->finish(fail(fmt::format("dial tcp {}: i/o timeout", text(endpoint))));
  });
  bind_to_own_loopback(endpoint);
  socket_.async_connect(
      endpoint, [weak = weak_from_this(), endpoint](const std::error_code& error) {
        auto self = weak.lock();
        if (!self || !self->done_) return;
        if (error) {
          return self->finish(
              fail(fmt::format("dial tcp {}: connect: {}", text(endpoint), error.message())));
        }
        std::error_code ignored;
        self->socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
        self->socket_.non_blocking(true, ignored);
        self->finish(self->socket_.release());
      });
}

// A failure leaves the choice to the kernel, which is what happens everywhere else.
void Dial::bind_to_own_loopback(const asio::ip::tcp::endpoint& remote) {
  std::error_code error;
  auto own = asio::ip::make_address(us_.listen_host, error);
  if (error || !own.is_loopback() || !remote.address().is_loopback()) return;
  if (own.is_v4() != remote.address().is_v4()) return;
  socket_.open(remote.protocol(), error);
  if (!error) socket_.bind({own, 0}, error);
}

void Dial::finish(Result<int> result) {
  if (!done_) return;
  Done done = std::exchange(done_, nullptr);
  std::error_code ignored;
  timer_.cancel();
  resolver_.cancel();
  socket_.close(ignored);
  done(std::move(result));
}

void Dial::cancel() {
  done_ = nullptr;
  std::error_code ignored;
  timer_.cancel();
  resolver_.cancel();
  socket_.close(ignored);
}

}  // namespace natrix::route
