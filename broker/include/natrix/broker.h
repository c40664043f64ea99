// Broker: a NATS server inside your own program.
//
//   natrix::BrokerOptions options;
//   options.listen = false;                              // no TCP: connections of this process
//   only auto broker = natrix::Broker::start(options); if (!broker) die(broker.error().message);
//   auto users = (*broker)->connect({.name = "users"});  // see connection.h
//   ...
//   (*broker)->drain(std::chrono::seconds(10));          // everything published is handled
//   (*broker)->stop();
//
// Start, drain and stop are for one thread at a time; connect() is safe from any thread. The broker
// runs threads of its own, one per core unless configured otherwise. Connections must not outlive
// it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "natrix/connection.h"
#include "natrix/errors.h"

namespace natrix {

enum class LogSeverity { kInfo, kDebug, kWarning, kError, kFatal, kTrace };

struct BrokerOptions {
  // Configuration in the NATS configuration language, as in a nats-server file; empty: defaults.
  std::string config;
  // A file instead; not together with `config`.
  std::string config_file;
  // Whether to open the ports of the configuration. Without: in-process connections only.
  bool listen = true;
  // Gets every log line as it would be written, from any thread. Empty: as configured, by default
  // to stderr.
  std::function<void(LogSeverity, std::string_view)> log;
};

class Broker {
 public:
  // Errors: the configuration is wrong (with file, line and remedy), a port is taken.
  static Result<std::unique_ptr<Broker>> start(const BrokerOptions& options);
  ~Broker();  // stops
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // A connection of this process; it is the same to the broker as one from outside, with the same
  // authentication. Errors: refused credentials, broker stopped.
  Result<std::unique_ptr<Connection>> connect(const ConnectionOptions& options = {});

  // The client port, also when it was chosen at random; 0 without listener.
  [[nodiscard]] int client_port() const;

  // Waits until every message that was published on in-process connections, also by handlers
  // meanwhile, has been handled, then closes those connections. Error: not done in `deadline`; what
  // was not handled is told, nothing is closed.
  Result<void> drain(std::chrono::milliseconds deadline);

  // Closes every connection and ends all threads.
  void stop();

 private:
  struct State;
  explicit Broker(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace natrix
