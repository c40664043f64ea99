// A server as far as routes are concerned: shards, accounts, a route listener and a Cluster, in
// this process. Made and used by the test's thread.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/ip/tcp.hpp>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "broker/base/version.h"
#include "broker/crypto/server_id.h"
#include "broker/route/cluster.h"

namespace natrix::route {

// Keeps what is delivered to it.
class Inbox final : public core::Receiver {
 public:
  core::Delivery deliver(subject::Subscription& sub, const core::Message& message,
                         std::span<const std::string_view>) override {
    std::lock_guard lock(mutex_);
    messages_.push_back(std::string(message.subject()) + "|" + std::string(message.reply()) + "|" +
                        std::string(message.body, message.total_size));
    (void)sub;
    return core::Delivery::kTaken;
  }
  std::vector<std::string> messages() {
    std::lock_guard lock(mutex_);
    return messages_;
  }
  size_t count() {
    std::lock_guard lock(mutex_);
    return messages_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> messages_;
};

class LogLines final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override {
    std::lock_guard lock(mutex_);
    text_ += std::string(line) + "\n";
  }
  std::string text() {
    std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

inline config::Url route_to(int port, std::string user = {}, std::string password = {}) {
  return {"nats", std::move(user), std::move(password), "127.0.0.1", port};
}

class Node final : public Host {
 public:
  explicit Node(std::string name, config::Options options = {}, int port = 0, int shards = 2)
      : acceptor_(control_,
                  {asio::ip::make_address("127.0.0.1"), static_cast<asio::ip::port_type>(port)}),
        work_(asio::make_work_guard(control_)) {
    log_lines = std::make_shared<LogLines>();
    logger_.set_sink(log_lines);
    for (int i = 0; i < shards; ++i) {
      shards_.push_back(std::make_unique<Shard>(static_cast<unsigned>(i), epochs_, mesh_, *this));
      mesh_.shards.push_back(&shards_.back()->shard);
      mesh_.routers.push_back(&shards_.back()->router);
    }
    std::vector<ShardContext*> contexts;
    for (auto& shard : shards_) {
      contexts.push_back(&shard->context);
      shard->shard.start();
    }
    protocol::Info identity;
    identity.server_id = id = new_server_id();
    identity.server_name = std::move(name);
    identity.version = kNatsVersion;
    identity.go = "c++";
    identity.host = "127.0.0.1";
    identity.port = this->port();
    identity.max_payload = options.max_payload;
    identity.cluster = options.cluster.name.empty() ? "test" : options.cluster.name;
    identity.cluster_dynamic = identity.cluster.starts_with("dynamic");
    identity.impl = kImplName;
    identity.connect_urls = {identity.server_name + ":4222"};
    cluster = std::make_shared<Cluster>(control_, options, identity, contexts, *this);
    accept_next();
    asio::post(control_, [this] { cluster->start(); });
    thread_ = std::thread([this] { control_.run(); });
  }

  ~Node() override { stop(); }

  void stop() {
    if (stopped_) return;
    stopped_ = true;
    on_control([this] {
      std::error_code ignored;
      acceptor_.close(ignored);
      cluster->stop();
    });
    work_.reset();
    control_.stop();
    thread_.join();
    for (auto& shard : shards_) on_shard(*shard, [] {});  // what was posted has run
    for (auto& shard : shards_) {
      on_shard(*shard, [&] {
        for (auto* sub : shard->subs) accounts_.global().index().remove(sub);
      });
    }
    for (auto& shard : shards_) shard->shard.stop();
    for (auto& shard : shards_) {
      for (auto* sub : shard->subs) subject::Subscription::destroy(sub);
    }
    cluster.reset();
  }

  [[nodiscard]] int port() const { return acceptor_.local_endpoint().port(); }

  template <class F>
  void on_control(F f) {
    std::promise<void> done;
    asio::post(control_, [&] {
      f();
      done.set_value();
    });
    done.get_future().wait();
  }

  std::vector<RouteSnapshot> routes(bool subscriptions = false) {
    std::promise<std::vector<RouteSnapshot>> done;
    asio::post(control_, [&] {
      cluster->snapshot(subscriptions, [&](auto routes) { done.set_value(std::move(routes)); });
    });
    return done.get_future().get();
  }
  // Remote names with the number of connections.
  std::map<std::string, int> peers() {
    std::map<std::string, int> found;
    for (const RouteSnapshot& route : routes()) ++found[route.remote_name];
    return found;
  }
  size_t remote_subscriptions() {
    size_t count = 0;
    for (const RouteSnapshot& route : routes()) count += route.subscriptions;
    return count;
  }

  subject::Subscription* subscribe(core::Receiver& inbox, std::string_view subject,
                                   std::string_view queue = {}, size_t shard = 0) {
    auto* sub = subject::Subscription::create(&inbox, static_cast<uint16_t>(shard),
                                              subject::Origin::kLocal, "1");
    on_shard(*shards_[shard], [&] {
      accounts_.global().index().insert(sub, subject, queue);
      shards_[shard]->subs.push_back(sub);
    });
    return sub;
  }
  void unsubscribe(subject::Subscription* sub) {
    Shard& shard = *shards_[sub->shard];
    on_shard(shard, [&] {
      sub->closed = true;
      accounts_.global().index().remove(sub);
      std::erase(shard.subs, sub);
      shard.shard.retire(sub, &subject::Subscription::destroy);
    });
  }

  // In one go, as a client does that asks and waits for the answer.
  void subscribe_and_publish(Inbox& inbox, std::string_view reply, std::string_view subject,
                             size_t shard) {
    auto* sub = subject::Subscription::create(&inbox, static_cast<uint16_t>(shard),
                                              subject::Origin::kLocal, "1");
    on_shard(*shards_[shard], [&] {
      accounts_.global().index().insert(sub, reply, {});
      shards_[shard]->subs.push_back(sub);
      publish_here(shard, subject, "?", reply);
    });
  }

  uint32_t publish(std::string_view subject, std::string_view payload, std::string_view reply = {},
                   size_t header = 0, size_t shard = 0) {
    uint32_t deliveries = 0;
    on_shard(*shards_[shard],
             [&] { deliveries = publish_here(shard, subject, payload, reply, header); });
    return deliveries;
  }

  // From a delivery: published once that is done with.
  void publish_soon(size_t shard, std::string subject, std::string payload) {
    shards_[shard]->shard.post([this, shard, subject, payload] {
      io::Turn turn(shards_[shard]->shard);
      publish_here(shard, subject, payload);
    });
  }

  // Host
  Logger& log() override { return logger_; }
  const account::Accounts& accounts() override { return accounts_; }
  uint64_t next_connection_id() override { return next_id_++; }
  bool run_blocking(std::function<void()> work) override {
    std::thread(std::move(work)).detach();
    return true;
  }
  void peer_client_urls_changed(std::vector<std::string> urls) override {
    std::lock_guard lock(mutex_);
    urls_ = std::move(urls);
  }
  void cluster_name_changed(const std::string& name) override {
    std::lock_guard lock(mutex_);
    name_ = name;
  }
  std::vector<std::string> urls() {
    std::lock_guard lock(mutex_);
    return urls_;
  }
  std::string new_name() {
    std::lock_guard lock(mutex_);
    return name_;
  }

  std::shared_ptr<LogLines> log_lines;
  std::string id;
  std::shared_ptr<Cluster> cluster;

 private:
  struct Shard {
    Shard(unsigned number, EpochDomain& epochs, core::RouterMesh& mesh, Host& host)
        : shard(number, epochs), router(shard, mesh), context{router, host, counters} {}
    io::Shard shard;
    core::Router router;
    Counters counters;
    ShardContext context;
    std::vector<subject::Subscription*> subs;
  };

  template <class F>
  void on_shard(Shard& shard, F f) {
    std::promise<void> done;
    shard.shard.post([&] {
      {
        io::Turn turn(shard.shard);
        f();
      }
      done.set_value();
    });
    done.get_future().wait();
  }

  uint32_t publish_here(size_t shard, std::string_view subject, std::string_view payload,
                        std::string_view reply = {}, size_t header = 0) {
    std::string body = std::string(payload) + "\r\n";
    core::Message message;
    message.subject_data = subject.data();
    message.subject_size = static_cast<uint32_t>(subject.size());
    message.reply_data = reply.data();
    message.reply_size = static_cast<uint32_t>(reply.size());
    message.body = body.data();
    message.header_size = static_cast<uint32_t>(header);
    message.total_size = static_cast<uint32_t>(payload.size());
    message.account = &accounts_.global();
    return shards_[shard]->router.publish({}, message).deliveries;
  }

  void accept_next() {
    acceptor_.async_accept([this](const std::error_code& error, asio::ip::tcp::socket socket) {
      if (error) return;
      socket.non_blocking(true);
      cluster->accept(socket.release());
      accept_next();
    });
  }

  Logger logger_;
  EpochDomain epochs_;
  account::Accounts accounts_{epochs_};
  core::RouterMesh mesh_;
  std::vector<std::unique_ptr<Shard>> shards_;
  asio::io_context control_;
  asio::ip::tcp::acceptor acceptor_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
  std::atomic<uint64_t> next_id_{1};
  std::mutex mutex_;
  std::vector<std::string> urls_;
  std::string name_;
  bool stopped_ = false;
};

// Polls until `condition` holds; false after ten seconds.
template <class F>
bool eventually(F condition) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

}  // namespace natrix::route
