#include "broker/main/server_service.h"

#include <utility>

#include "broker/server/server.h"

namespace natrix::main {
namespace {

class ServerService final : public Service {
 public:
  ServerService(const config::Options& options, Logger& log) : server_(options, log) {}

  Result<void> start() override { return server_.start(); }

  [[nodiscard]] Endpoints endpoints() const override {
    const config::Options& options = server_.options();
    Endpoints endpoints;
    auto add = [](std::vector<Endpoint>& list, const char* scheme, const std::string& host,
                  int port) {
      if (port != 0) list.push_back({scheme, host, port});
    };
    bool https = options.https_port != config::kNoPort;
    add(endpoints.nats, options.tls ? "tls" : "nats", options.host, server_.client_port());
    add(endpoints.monitoring, https ? "https" : "http",
        options.http_host.empty() ? options.host : options.http_host, server_.monitor_port());
    add(endpoints.cluster, options.cluster.tls ? "tls" : "nats", options.cluster.host,
        server_.cluster_port());
    return endpoints;
  }

  void reload(const config::Options& options) override { server_.reload(options); }
  void lame_duck(std::function<void()> done) override { server_.lame_duck(std::move(done)); }
  void shutdown() override { server_.shutdown(); }

 private:
  server::Server server_;
};

}  // namespace

std::unique_ptr<Service> make_server_service(const config::Options& options, Logger& log) {
  return std::make_unique<ServerService>(options, log);
}

}  // namespace natrix::main
