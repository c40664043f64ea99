#include "broker/server/server.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>

#include "broker/base/assert.h"
#include "broker/base/version.h"
#include "broker/config/address.h"
#include "broker/crypto/server_id.h"
#include "broker/jetstream/api/jetstream.h"
#include "broker/jetstream/model/limits.h"

namespace natrix::server {

namespace {

// Password checks that may wait for the worker before new ones are turned away.
constexpr int kMaxBlockedWork = 4096;
constexpr std::chrono::seconds kLameDuckPauseMost{1};

unsigned available_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace

Server::Server(config::Options options, Logger& log, bool listen)
    : options_(std::move(options)),
      log_(log),
      listen_(listen),
      id_(new_server_id()),
      started_(std::chrono::system_clock::now()),
      accounts_(epochs_, options_.system_account.empty() ? account::kSystemAccount
                                                         : options_.system_account),
      control_work_(asio::make_work_guard(control_)),
      lame_duck_timer_(control_),
      handshake_report_(control_) {
  if (options_.server_name.empty()) options_.server_name = id_;
  publish_settings();
}

Server::~Server() {
  shutdown();
}

void Server::log_banner() {
  log_.info("Starting nats-server");
  log_.info("  Version:  {}", kNatsVersion);
  log_.info("  Impl:     {} {}", kImplName, kVersion);
  if (!options_.cluster.name.empty()) log_.info("  Cluster:  {}", options_.cluster.name);
  log_.info("  Name:     {}", options_.server_name);
  log_.info("  ID:       {}", id_);
  if (account::has_plain_passwords(options_.authorization,
                                   options_.tls != nullptr && options_.tls->options().map)) {
    log_.warn("Plaintext passwords detected, use nkeys or bcrypt");
  }
  if (!options_.config_file.empty()) {
    log_.info("Using configuration file: {} ({})", options_.config_file, options_.config_digest);
  }
}

void Server::start_shards() {
  unsigned count = options_.shards > 0 ? static_cast<unsigned>(options_.shards) : available_cores();
  for (unsigned id = 0; id < count; ++id) {
    auto state = std::make_unique<ShardState>(id, epochs_, mesh_, *this);
    mesh_.shards.push_back(&state->shard);
    mesh_.routers.push_back(&state->router);
    if (options_.disable_sublist_cache) state->router.plans().disable();
    shards_.push_back(std::move(state));
  }
  for (auto& state : shards_) state->shard.start();
}

Result<void> Server::open_ports() {
  if (Result<void> opened = open_monitor(); !opened) return opened;
  if (Result<void> opened = open_cluster(); !opened) return opened;
  if (!listen_) return {};
  auto listener =
      Listener::open(control_, options_.host, options_.port, [this](int fd) { accept_client(fd); });
  if (!listener) return fail(listener.error().message);
  client_listener_ = std::move(*listener);
  client_port_ = client_listener_->port();
  return {};
}

Result<void> Server::start() {
  log_banner();
  if (Result<void> opened = open_ports(); !opened) return opened;
  start_shards();
  if (Result<void> started = start_jetstream(); !started) {
    for (auto& state : shards_) state->shard.stop();
    return started;
  }
  publish_info();
  running_ = true;
  control_thread_ = std::thread([this] { control_.run(); });
  if (client_listener_) {
    log_.info("Listening for client connections on {}:{}", options_.host, client_port_);
    log_tls();
    client_listener_->start();
  }
  if (cluster_) on_control([this] { start_cluster(); });
  on_control([this] { report_refused_handshakes(); });
  log_.info("Server is ready");
  return {};
}

void Server::log_tls() const {
  if (!options_.tls) return;
  const tls::Options& tls = options_.tls->options();
  bool first_only = tls.handshake_first && tls.fallback.count() == 0;
  bool optional = options_.allow_non_tls && !first_only;
  log_.info("TLS {} for client connections", optional ? "available" : "required");
  if (first_only) {
    log_.warn("Clients that are not using \"TLS Handshake First\" option will fail to connect");
  }
}

// Once a second, so that a flood of connections is no flood of log lines.
void Server::report_refused_handshakes() {
  if (uint64_t refused = handshake_rate_.take_refused(); refused > 0) {
    log_.warn("Rejected {} connections due to TLS rate limiting", refused);
  }
  handshake_report_.expires_after(std::chrono::seconds(1));
  handshake_report_.async_wait([this](const std::error_code& error) {
    if (!error) report_refused_handshakes();
  });
}

bool Server::admit_handshake() {
  auto context = settings_.load()->tls;
  return !context || handshake_rate_.admit(context->options().connection_rate_limit,
                                           std::chrono::steady_clock::now());
}

Result<void> Server::open_monitor() {
  bool secure = options_.https_port != config::kNoPort;
  if (options_.http_port == config::kNoPort && !secure) return {};
  MonitorHost host;
  host.on_all_shards = [this](const std::function<void(ShardState&)>& f) { on_all_shards(f); };
  host.server_info = [this] { return describe(); };
  host.routes = [this](bool subscriptions, monitor::Source::Done<monitor::RoutePage> done) {
    route_page(subscriptions, std::move(done));
  };
  host.jetstream = [this](const monitor::JetStreamQuery& query) { return jetstream_page(query); };
  host.health = [this](const monitor::HealthQuery& query) { return health(query); };
  monitor_source_ = std::make_unique<MonitorSource>(std::move(host), accounts_);
  monitor::MonitorOptions options;
  options.host = options_.http_host.empty() ? options_.host : options_.http_host;
  options.port = secure ? options_.https_port : options_.http_port;
  if (secure) options.tls = [this] { return settings_.load()->tls; };
  options.base_path = options_.http_base_path;
  monitor_ = std::make_unique<monitor::MonitorServer>(control_, *monitor_source_, log_, options);
  if (Result<void> up = monitor_->start(); !up) return up;
  monitor_port_ = monitor_->port();
  log_.info("Starting {} monitor on {}:{}", secure ? "https" : "http", options.host, monitor_port_);
  return {};
}

Result<void> Server::open_cluster() {
  if (options_.cluster.port == config::kNoPort) return {};
  cluster_ = std::make_unique<ClusterService>(
      ClusterNeeds{control_, log_, accounts_,
                   [this] { return next_cid_.fetch_add(1, std::memory_order_relaxed); },
                   [this](std::function<void()> work) { return run_blocking(std::move(work)); },
                   [this] {
                     publish_info();
                     for_each_client([](client::Client& client) { client.send_info_update(); });
                   }});
  return cluster_->open(options_);
}

void Server::start_cluster() {
  cluster_->start(options_, *info_.load(), own_client_urls(), shards_);
}

std::vector<std::string> Server::own_client_urls() const {
  if (!listen_) return {};
  return client_urls_of(options_.host, client_port_, options_.client_advertise);
}

void Server::publish_settings() {
  config_loaded_ = std::chrono::system_clock::now();
  auto settings = std::make_shared<client::Settings>();
  settings->parser.max_control_line = static_cast<size_t>(options_.max_control_line);
  settings->parser.max_payload = static_cast<size_t>(options_.max_payload);
  settings->max_pending_bytes = static_cast<size_t>(options_.max_pending);
  settings->write_deadline = options_.write_deadline;
  settings->max_subscriptions =
      static_cast<size_t>(std::max<int64_t>(0, options_.max_subscriptions));
  settings->max_subscription_tokens = static_cast<size_t>(options_.max_subscription_tokens);
  settings->ping_interval = options_.ping_interval;
  settings->ping_max = options_.ping_max;
  settings->auth_timeout = config::auth_timeout(options_.authorization, options_.tls.get());
  settings->headers = !options_.no_header_support;
  settings->stall_fast_producers = !options_.no_fast_producer_stall;
  settings->max_traced_message = static_cast<size_t>(options_.max_traced_msg_len);
  settings->tls = options_.tls;
  settings->allow_non_tls = options_.allow_non_tls;
  settings->max_connections = std::max<int64_t>(0, options_.max_connections);
  settings->max_closed_clients = static_cast<size_t>(options_.max_closed_clients);
  settings_.store(std::move(settings));
  authenticator_.store(std::make_shared<const account::Authenticator>(
      options_.authorization, options_.no_auth_user, accounts_,
      options_.tls != nullptr && options_.tls->options().map));
}

void Server::publish_info() {
  auto info = std::make_shared<protocol::Info>();
  info->server_id = id_;
  info->server_name = options_.server_name;
  info->version = kNatsVersion;
  info->go = fmt::format("c++20 {} {}", kImplName, kVersion);
  info->host = options_.host;
  info->port = client_port_;
  if (auto there = config::parse_advertise(options_.client_advertise);
      !options_.client_advertise.empty() && there) {
    info->host = there->host;
    if (there->port > 0) info->port = there->port;
  }
  info->headers = !options_.no_header_support;
  info->auth_required = authenticator_.load()->announced();
  info->tls_required = options_.tls != nullptr && !options_.allow_non_tls;
  info->tls_available = options_.tls != nullptr && options_.allow_non_tls;
  info->tls_verify = options_.tls != nullptr && options_.tls->options().verify;
  info->max_payload = options_.max_payload;
  info->jetstream = jetstream_ != nullptr;
  info->api_level = jetstream::model::kServerApiLevel;
  if (jetstream_) info->domain = options_.jetstream.domain;
  if (cluster_) {
    info->cluster = cluster_->name();
    info->cluster_dynamic = cluster_->name_is_made_up();
    info->connect_urls = cluster_->client_urls();
  }
  info->ldm = leaving_;
  info->impl = kImplName;
  info->impl_version = kVersion;
  info_.store(std::move(info));
}

// ---- clients

void Server::accept_client(int fd, bool in_process) {
  uint64_t cid = next_cid_.fetch_add(1, std::memory_order_relaxed);
  total_connections_.fetch_add(1, std::memory_order_relaxed);
  int64_t open = connections_.fetch_add(1, std::memory_order_relaxed);
  serve_client(fd, cid, open >= settings_.load()->max_connections, in_process);
}

void Server::serve_client(int fd, uint64_t cid, bool refuse, bool in_process) {
  unsigned index = next_shard_.fetch_add(1, std::memory_order_relaxed) % shards_.size();
  ShardState& state = *shards_[index];
  state.shard.post([this, &state, fd, cid, refuse, in_process] {
    auto client =
        std::make_shared<client::Client>(state.context, fd, cid, settings_.load(), in_process);
    state.add(client);
    io::Turn turn(state.shard);
    client->start_session(refuse ? std::optional<std::string>("maximum connections exceeded")
                                 : std::nullopt);
  });
}

Result<int> Server::connect_in_process() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(fmt::format("no in-process connection: {}", std::strerror(errno)));
  }
  if (!running_ || leaving_) {
    ::close(ends[0]);
    ::close(ends[1]);
    return fail("no in-process connection: the broker is not running");
  }
  accept_client(ends[1], true);
  return ends[0];
}

void Server::client_closed(client::Client& client, io::CloseReason reason) {
  connections_.fetch_sub(1, std::memory_order_relaxed);
  shards_[client.shard().id()]->remove(client, reason, settings_.load()->max_closed_clients);
}

bool Server::run_blocking(std::function<void()> work) {
  if (blocked_work_.fetch_add(1) >= kMaxBlockedWork) {
    blocked_work_.fetch_sub(1);
    return false;
  }
  asio::post(workers_, [this, work = std::move(work)] {
    work();
    blocked_work_.fetch_sub(1);
  });
  return true;
}

void Server::on_all_shards(const std::function<void(ShardState&)>& f) {
  NATRIX_ASSERT(io::Shard::current() == nullptr, "shards are not waited for by a shard");
  std::vector<std::future<void>> done;
  for (auto& state : shards_) {
    auto task = std::make_shared<std::packaged_task<void()>>([&f, &state] {
      io::Turn turn(state->shard);
      f(*state);
    });
    done.push_back(task->get_future());
    state->shard.post([task] { (*task)(); });
  }
  for (auto& one : done) one.wait();
}

void Server::for_each_client(const std::function<void(client::Client&)>& f) {
  on_all_shards([&f](ShardState& state) {
    std::vector<std::shared_ptr<client::Client>> clients;
    for (auto& [cid, client] : state.clients) clients.push_back(client);
    for (auto& client : clients) f(*client);
  });
}

// ---- reload, lame duck, shutdown

void Server::on_control(const std::function<void()>& f) {
  std::promise<void> done;
  asio::post(control_, [&] {
    f();
    done.set_value();
  });
  done.get_future().wait();
}

void Server::reload(config::Options options) {
  on_control([&] { apply(std::move(options)); });
}

void Server::apply(config::Options options) {
  std::string name = options_.server_name;
  options_ = std::move(options);
  if (options_.server_name.empty()) options_.server_name = name;
  publish_settings();
  if (cluster_) cluster_->reload(options_, own_client_urls());
  publish_info();
  for_each_client([this](client::Client& client) {
    client.apply(settings_.load());
    client.reauthenticate();
    client.send_info_update();
  });
  enforce_max_connections();
}

void Server::enforce_max_connections() {
  int64_t excess = connections_.load() - std::max<int64_t>(0, options_.max_connections);
  if (excess <= 0) return;
  std::atomic<int64_t> left{excess};
  for_each_client([&left](client::Client& client) {
    if (left.fetch_sub(1) > 0) client.close(io::CloseReason::kMaxConnectionsExceeded);
  });
}

void Server::lame_duck(std::function<void()> done) {
  if (leaving_.exchange(true)) return;
  log_.info("Entering lame duck mode, stop accepting new clients");
  asio::post(control_, [this, done = std::move(done)] {
    if (client_listener_) client_listener_->close();
    if (cluster_) cluster_->lame_duck();
    if (connections_.load() == 0) return done();  // nobody to let go
    publish_info();
    for_each_client([](client::Client& client) { client.send_info_update(); });
    auto grace = std::max(std::chrono::nanoseconds(0), options_.lame_duck_grace_period);
    auto spread = std::max(std::chrono::nanoseconds(0), options_.lame_duck_duration - grace);
    lame_duck_timer_.expires_after(std::chrono::duration_cast<io::Clock::duration>(grace));
    lame_duck_timer_.async_wait([this, spread, done](const std::error_code& error) {
      if (error) return;
      auto clients = std::max<int64_t>(1, connections_.load());
      // As nats-server: a second between two clients is always enough.
      const auto pause = std::min<std::chrono::nanoseconds>(spread / clients, kLameDuckPauseMost);
      lame_duck_close(static_cast<size_t>(clients), pause, done);
    });
  });
}

// Closes one client after the other, so that those who stay behind do not all reconnect at once.
void Server::lame_duck_close(size_t left, std::chrono::nanoseconds pause,
                             std::function<void()> done) {
  std::atomic<bool> closed{false};
  if (left > 0) {
    for_each_client([&closed](client::Client& client) {
      if (!closed.exchange(true)) client.close(io::CloseReason::kServerShutdown);
    });
  }
  if (!closed || left == 1) return done();
  lame_duck_timer_.expires_after(std::chrono::duration_cast<io::Clock::duration>(pause));
  lame_duck_timer_.async_wait([this, left, pause, done](const std::error_code& error) {
    if (!error) lame_duck_close(left - 1, pause, done);
  });
}

void Server::close_clients() {
  for_each_client([](client::Client& client) { client.close(io::CloseReason::kServerShutdown); });
}

void Server::shutdown() {
  if (!running_) return;
  running_ = false;
  log_.info("Initiating Shutdown...");
  on_control([this] {
    lame_duck_timer_.cancel();
    handshake_report_.cancel();
    if (monitor_) monitor_->stop();
    if (cluster_) cluster_->stop();
    if (client_listener_) client_listener_->close();
  });
  control_work_.reset();
  control_.stop();
  if (control_thread_.joinable()) control_thread_.join();
  workers_.stop();
  workers_.join();
  if (jetstream_) jetstream_->stop();
  close_clients();
  for (auto& state : shards_) state->shard.stop();
  for (auto& state : shards_) state->shard.discard_mail();
  log_.info("Server Exiting..");
}

}  // namespace natrix::server
