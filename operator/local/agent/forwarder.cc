#include "operator/local/agent/forwarder.h"

#include <fmt/format.h>

#include <array>
#include <asio.hpp>
#include <map>
#include <set>
#include <thread>

#include "operator/local/workload/endpoints.h"

namespace natrix::agent {

using asio::ip::tcp;
using workload::Backend;
using workload::integer;
using workload::Json;
using workload::member;
using workload::name_of;
using workload::ns_of;
using workload::text;

namespace {

constexpr size_t kBufferBytes = size_t{32} << 10;
constexpr std::chrono::milliseconds kConnectTimeout{3000};
constexpr std::chrono::milliseconds kAcceptPause{200};

// One port of one Service.
struct Front {
  std::string address;
  int port = 0;
  std::string ns;
  std::string service;
  friend auto operator<=>(const Front&, const Front&) = default;
};

// One connection and its way to a pod. Keeps itself alive while anything is under way.
class Relay : public std::enable_shared_from_this<Relay> {
 public:
  Relay(tcp::socket client, std::vector<Backend> backends, std::shared_ptr<size_t> count)
      : client_(std::move(client)),
        server_(client_.get_executor()),
        timer_(client_.get_executor()),
        backends_(std::move(backends)),
        count_(std::move(count)) {
    ++*count_;
  }
  ~Relay() { --*count_; }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // To the first that answers.
  void connect(size_t index = 0) {
    if (index == backends_.size()) return;
    const Backend& to = backends_[index];
    std::error_code error;
    const auto address = asio::ip::make_address(to.address, error);
    if (error) return connect(index + 1);
    timer_.expires_after(kConnectTimeout);
    timer_.async_wait([self = shared_from_this()](std::error_code cancelled) {
      if (!cancelled) self->close();
    });
    server_.async_connect({address, static_cast<uint16_t>(to.port)},
                          [self = shared_from_this(), index](std::error_code failed) {
                            self->connected(failed, index);
                          });
  }

  void close() {
    std::error_code ignored;
    client_.close(ignored);
    server_.close(ignored);
    timer_.cancel();
  }

 private:
  using Buffer = std::array<char, kBufferBytes>;

  void connected(std::error_code failed, size_t index) {
    timer_.cancel();
    if (!client_.is_open()) return;
    std::error_code ignored;
    if (failed) {
      server_.close(ignored);
      return connect(index + 1);
    }
    client_.set_option(tcp::no_delay(true), ignored);
    server_.set_option(tcp::no_delay(true), ignored);
    pump(client_, server_, up_);
    pump(server_, client_, down_);
  }

  void pump(tcp::socket& from, tcp::socket& to, Buffer& buffer) {
    from.async_read_some(asio::buffer(buffer), [self = shared_from_this(), &from, &to, &buffer](
                                                   std::error_code error, size_t size) {
      if (error == asio::error::eof) {
        std::error_code ignored;
        to.shutdown(tcp::socket::shutdown_send, ignored);
      } else if (error) {
        self->close();
      } else {
        self->write(from, to, buffer, size);
      }
    });
  }

  void write(tcp::socket& from, tcp::socket& to, Buffer& buffer, size_t size) {
    asio::async_write(
        to, asio::buffer(buffer, size),
        [self = shared_from_this(), &from, &to, &buffer](std::error_code error, size_t) {
          if (error) return self->close();
          self->pump(from, to, buffer);
        });
  }

  tcp::socket client_;
  tcp::socket server_;
  asio::steady_timer timer_;
  const std::vector<Backend> backends_;
  const std::shared_ptr<size_t> count_;
  Buffer up_;
  Buffer down_;
};

// Accepts for one Front until it is closed.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  using Choose = std::function<std::vector<Backend>(const Front& front)>;

  Listener(asio::io_context& io, Front front, Choose choose, std::shared_ptr<size_t> count,
           ops::Log& log)
      : acceptor_(io),
        pause_(io),
        front_(std::move(front)),
        choose_(std::move(choose)),
        count_(std::move(count)),
        log_(log) {}

  std::error_code open() {
    std::error_code error;
    const auto address = asio::ip::make_address(front_.address, error);
    if (error) return error;
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(front_.port));
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) accept();
    return error;
  }

  void close() {
    std::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  }

 private:
  void accept() {
    acceptor_.async_accept([self = shared_from_this()](std::error_code error, tcp::socket socket) {
      if (!self->acceptor_.is_open()) return;
      if (error) return self->accept_later();  // out of descriptors
      self->take(std::move(socket));
      self->accept();
    });
  }

  void accept_later() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](std::error_code) {
      if (self->acceptor_.is_open()) self->accept();
    });
  }

  void take(tcp::socket socket) {
    const bool full = *count_ >= Forwarder::kMaxRelays;
    if (full && !full_) {
      log_.warn("the Service forwarder is full: connections are closed",
                {{"service", front_.service}, {"connections", *count_}});
    }
    full_ = full;
    if (full) return;
    std::vector<Backend> backends = choose_(front_);
    if (backends.empty()) return;  // as good as refused
    std::rotate(backends.begin(),
                backends.begin() + static_cast<std::ptrdiff_t>(turn_++ % backends.size()),
                backends.end());
    std::make_shared<Relay>(std::move(socket), std::move(backends), count_)->connect();
  }

  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  const Front front_;
  const Choose choose_;
  const std::shared_ptr<size_t> count_;
  ops::Log& log_;
  size_t turn_ = 0;
  bool full_ = false;
};

bool forwarded(const Json& service) {
  const std::string address = text(service, {"spec", "clusterIP"});
  return !address.empty() && address != "None" && !member(service, {"spec", "selector"}).empty();
}

std::vector<Backend> ready_backends(const workload::Objects& objects, const Front& front) {
  std::vector<Backend> out;
  const auto service = objects.get(kube::kServices, front.ns, front.service);
  if (!service) return out;
  for (const Json& port : member(*service, {"spec", "ports"})) {
    if (integer(port, {"port"}) != front.port) continue;
    for (Backend& backend : workload::backends_of(port, workload::pods_of(objects, *service))) {
      if (backend.ready) out.push_back(std::move(backend));
    }
  }
  return out;
}

}  // namespace

struct Forwarder::State {
  State(memory_api::ApiServer& server, ops::Log& logger)
      : objects(server, "kube-proxy"), log(logger) {
    thread = std::thread([this] { io.run(); });
  }
  // What is left in `io` holds the sockets: they are closed when it goes.
  ~State() {
    io.stop();
    thread.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void open(const Front& front, const Json& service) {
    auto listener = std::make_shared<Listener>(
        io, front, [this](const Front& asked) { return ready_backends(objects, asked); }, count,
        log);
    // On the thread of the connections, like all that touches them.
    const std::error_code error =
        asio::post(io, asio::use_future([&] { return listener->open(); })).get();
    if (!error) {
      failed.erase(front);
      listeners[front] = std::move(listener);
    } else if (failed.insert(front).second) {
      const std::string why =
          fmt::format("cannot listen on {}:{}: {}", front.address, front.port, error.message());
      log.warn("Service is not reachable", {{"service", front.service}, {"error", why}});
      objects.record(service, "Warning", "FailedToListen", why);
    }
  }

  void close(const std::shared_ptr<Listener>& listener) {
    asio::post(io, [listener] { listener->close(); });
  }

  workload::Objects objects;
  ops::Log& log;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
  std::shared_ptr<size_t> count = std::make_shared<size_t>(0);  // of relays; io's thread
  std::map<Front, std::shared_ptr<Listener>> listeners;
  std::set<Front> failed;
  std::thread thread;
};

Forwarder::Forwarder(memory_api::ApiServer& server, ops::Log& log)
    : state_(std::make_unique<State>(server, log)) {}

Forwarder::~Forwarder() = default;

void Forwarder::sync() {
  std::map<Front, Json> wanted;
  for (const Json& service : state_->objects.list(kube::kServices)) {
    if (!forwarded(service)) continue;
    for (const Json& port : member(service, {"spec", "ports"})) {
      if (text(port, {"protocol"}) == "UDP") continue;
      wanted[{text(service, {"spec", "clusterIP"}), static_cast<int>(integer(port, {"port"})),
              ns_of(service), name_of(service)}] = service;
    }
  }
  for (auto at = state_->listeners.begin(); at != state_->listeners.end();) {
    if (wanted.contains(at->first)) {
      ++at;
      continue;
    }
    state_->close(at->second);
    at = state_->listeners.erase(at);
  }
  std::erase_if(state_->failed, [&](const Front& front) { return !wanted.contains(front); });
  for (const auto& [front, service] : wanted) {
    if (!state_->listeners.contains(front)) state_->open(front, service);
  }
}

void Forwarder::stop() {
  state_.reset();
}

}  // namespace natrix::agent
