#include "natrix/broker.h"

#include <mutex>
#include <vector>

#include "broker/config/load.h"
#include "broker/config/parser.h"
#include "broker/embed/connection_state.h"
#include "broker/server/server.h"

namespace natrix {

namespace {

constexpr auto kGreetingTime = std::chrono::seconds(10);

LogSeverity severity(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return LogSeverity::kInfo;
    case LogLevel::kDebug:
      return LogSeverity::kDebug;
    case LogLevel::kWarn:
      return LogSeverity::kWarning;
    case LogLevel::kError:
      return LogSeverity::kError;
    case LogLevel::kFatal:
      return LogSeverity::kFatal;
    case LogLevel::kTrace:
      return LogSeverity::kTrace;
  }
  return LogSeverity::kInfo;
}

Result<config::Loaded> load(const BrokerOptions& options) {
  config::Surroundings surroundings = config::process_surroundings();
  Result<config::Loaded> loaded = fail("");
  if (!options.config_file.empty()) {
    loaded = config::load_options_file(options.config_file, surroundings);
  } else {
    Result<config::Value> root = config::parse_config(options.config, "<embedded>", surroundings);
    if (!root) return fail(root.error().message);
    loaded = config::load_options(*root);
  }
  if (!loaded) return loaded;
  if (Result<void> fits = config::check_options(loaded->options); !fits) {
    return fail(fits.error().message);
  }
  return loaded;
}

class CallbackSink final : public LogSink {
 public:
  explicit CallbackSink(std::function<void(LogSeverity, std::string_view)> callback)
      : callback_(std::move(callback)) {}
  void write(LogLevel level, std::string_view line) override { callback_(severity(level), line); }

 private:
  std::function<void(LogSeverity, std::string_view)> callback_;
};

}  // namespace

struct Broker::State {
  Logger log;
  std::unique_ptr<server::Server> server;
  std::mutex mutex;
  std::vector<std::weak_ptr<Connection::State>> connections;

  std::vector<std::shared_ptr<Connection::State>> live() {
    std::lock_guard lock(mutex);
    std::vector<std::shared_ptr<Connection::State>> live;
    for (auto& weak : connections) {
      if (auto one = weak.lock(); one && !one->session.is_closed()) live.push_back(one);
    }
    connections.assign(live.begin(), live.end());
    return live;
  }
};

Broker::Broker(std::unique_ptr<State> state) : state_(std::move(state)) {}

Broker::~Broker() {
  stop();
}

Result<std::unique_ptr<Broker>> Broker::start(const BrokerOptions& options) {
  if (!options.config.empty() && !options.config_file.empty()) {
    return fail("give the configuration as text or as a file, not both");
  }
  Result<config::Loaded> loaded = load(options);
  if (!loaded) return fail(loaded.error().message);
  auto state = std::make_unique<State>();
  if (Result<void> log = state->log.configure(loaded->options.log); !log) {
    return fail(log.error().message);
  }
  if (options.log) state->log.set_sink(std::make_shared<CallbackSink>(options.log));
  for (const std::string& warning : loaded->warnings) state->log.warn("{}", warning);
  state->server = std::make_unique<server::Server>(loaded->options, state->log, options.listen);
  if (Result<void> started = state->server->start(); !started) {
    return fail(started.error().message);
  }
  return std::unique_ptr<Broker>(new Broker(std::move(state)));
}

Result<std::unique_ptr<Connection>> Broker::connect(const ConnectionOptions& options) {
  Result<int> fd = state_->server->connect_in_process();
  if (!fd) return fail(fd.error().message);
  auto connection = std::make_shared<Connection::State>(*fd, options, state_->log);
  Result<void> opened = connection->session.open(std::chrono::steady_clock::now() + kGreetingTime);
  if (!opened) return fail(opened.error().message);
  std::lock_guard lock(state_->mutex);
  state_->connections.push_back(connection);
  return std::unique_ptr<Connection>(new Connection(std::move(connection)));
}

int Broker::client_port() const {
  return state_->server->client_port();
}

Result<void> Broker::drain(std::chrono::milliseconds time) {
  auto deadline = std::chrono::steady_clock::now() + time;
  // Handlers publish, and what they publish is handled by others: it is quiet when a whole round of
  // waiting for every connection has seen nothing move.
  uint64_t before = 0;
  while (true) {
    uint64_t now = 1;
    auto live = state_->live();
    for (auto& one : live) now += one->session.activity();
    if (now == before) break;
    before = now;
    for (auto& one : live) {
      Result<void> quiet = one->session.flush(deadline);
      if (quiet) quiet = one->session.wait_idle(deadline);
      if (!quiet && !one->session.is_closed()) return quiet;
    }
  }
  for (auto& one : state_->live()) {
    if (Result<void> done = one->session.drain(deadline); !done) return done;
  }
  return {};
}

void Broker::stop() {
  for (auto& one : state_->live()) one->session.close();
  state_->server->shutdown();
}

}  // namespace natrix
