// What the server says of itself on the monitoring pages.
#include "broker/base/version.h"
#include "broker/server/server.h"

namespace natrix::server {

namespace {

double in_seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

void describe_tls(monitor::ServerInfo& info, const config::Options& options) {
  const tls::Context* context = options.tls.get();
  if (context == nullptr) return;
  info.tls_required = !options.allow_non_tls;
  info.tls_verify = context->options().verify;
  info.tls_timeout = in_seconds(context->options().timeout);
  info.tls_certificate = context->certificate();
}

}  // namespace

void Server::route_page(bool subscriptions, monitor::Source::Done<monitor::RoutePage> done) {
  monitor::RoutePage page;
  page.server_id = id_;
  page.server_name = options_.server_name;
  page.now = std::chrono::system_clock::now();
  if (const auto& rules = options_.cluster.permissions) {
    page.import_rules = {rules->publish.allow, rules->publish.deny};
    page.export_rules = {rules->subscribe.allow, rules->subscribe.deny};
  }
  if (!cluster_) return done(std::move(page));
  cluster_->routes(subscriptions, [page = std::move(page), done = std::move(done)](
                                      std::vector<monitor::RouteInfo> routes) mutable {
    page.routes = std::move(routes);
    done(std::move(page));
  });
}

monitor::ServerInfo Server::describe() const {
  monitor::ServerInfo info;
  info.server_id = id_;
  info.server_name = options_.server_name;
  info.version = kNatsVersion;
  info.impl = kImplName;
  info.impl_version = kVersion;
  info.toolchain = info_.load()->go;
  info.host = options_.host;
  info.port = client_port_;
  info.auth_required = authenticator_.load()->required();
  info.connect_urls = info_.load()->connect_urls;
  info.max_connections = options_.max_connections;
  info.max_subscriptions = options_.max_subscriptions;
  info.ping_interval = options_.ping_interval;
  info.ping_max = options_.ping_max;
  info.http_host = options_.http_host.empty() ? options_.host : options_.http_host;
  (options_.https_port != config::kNoPort ? info.https_port : info.http_port) = monitor_port_;
  describe_tls(info, options_);
  info.http_base_path = options_.http_base_path;
  info.auth_timeout = std::chrono::duration<double>(
                          config::auth_timeout(options_.authorization, options_.tls.get()))
                          .count();
  info.max_control_line = options_.max_control_line;
  info.max_payload = options_.max_payload;
  info.max_pending = options_.max_pending;
  info.write_deadline = options_.write_deadline;
  if (cluster_) cluster_->describe(info, options_);
  info.jetstream = describe_jetstream();
  info.start = started_;
  info.shards = static_cast<int>(shards_.size());
  info.connections = connections_.load();
  info.total_connections = total_connections_.load();
  info.config_load_time = config_loaded_;
  info.config_digest = options_.config_digest;
  info.reload_interval = options_.reload_interval;
  info.tags = options_.tags;
  info.metadata = options_.metadata;
  info.system_account = accounts_.system().name();
  return info;
}

}  // namespace natrix::server
