// The broker as the process around it sees it. Program drives it by signals; the real one wraps
// server::Server, tests have their own.
//
// All calls come from one thread, the main one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/log.h"
#include "broker/base/result.h"
#include "broker/config/options.h"

namespace natrix::main {

// An open port: "nats" 0.0.0.0 4222. The host is as configured, the port the real one.
struct Endpoint {
  std::string scheme;
  std::string host;
  int port = 0;
};

struct Endpoints {
  std::vector<Endpoint> nats;
  std::vector<Endpoint> monitoring;
  std::vector<Endpoint> cluster;
};

class Service {
 public:
  virtual ~Service() = default;
  // Opens the ports and serves; logs what it does. After an error nothing is open.
  virtual Result<void> start() = 0;
  [[nodiscard]] virtual Endpoints endpoints() const = 0;
  // Takes over new options; they differ only in what may change while running.
  virtual void reload(const config::Options& options) = 0;
  // Stops accepting and lets clients go bit by bit. `done` once, from any thread, when they are
  // gone.
  virtual void lame_duck(std::function<void()> done) = 0;
  // Ends everything; returns when nothing runs any more.
  virtual void shutdown() = 0;
};

using ServiceFactory = std::function<std::unique_ptr<Service>(const config::Options&, Logger&)>;

}  // namespace natrix::main
