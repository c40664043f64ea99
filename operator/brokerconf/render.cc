#include "operator/brokerconf/render.h"

#include <fmt/format.h>

#include "broker/base/assert.h"
#include "operator/brokerconf/conf.h"
#include "operator/model/digest.h"

namespace natrix::brokerconf {

namespace {

using model::AuthMode;
using model::Cluster;

constexpr const char* kHeader =
    "# Written by natrix-operator; edit the NatsCluster instead, changes made here are "
    "overwritten.\n";

Value text(std::string value) {
  return {std::move(value)};
}
Value number(int64_t value) {
  return {value};
}
Value flag(bool value) {
  return {value};
}
Value variable(const char* name) {
  return {Raw{std::string("$") + name}};
}

// What may stand unescaped in the user part of a URL (RFC 3986, unreserved).
std::string percent_encoded(const std::string& part) {
  std::string out;
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

void set_limits(Map& out, const model::NatsConfig& nats) {
  if (nats.max_payload) set(out, "max_payload", number(*nats.max_payload));
  if (nats.max_connections) set(out, "max_connections", number(*nats.max_connections));
  if (nats.max_subscriptions) set(out, "max_subscriptions", number(*nats.max_subscriptions));
  if (nats.max_control_line) set(out, "max_control_line", number(*nats.max_control_line));
  if (nats.max_pending) set(out, "max_pending", number(*nats.max_pending));
  if (nats.write_deadline) set(out, "write_deadline", text(*nats.write_deadline));
  if (nats.ping_interval) set(out, "ping_interval", text(*nats.ping_interval));
  if (nats.ping_max) set(out, "ping_max", number(*nats.ping_max));
}

Value tls_block(const model::Tls& tls, const std::string& directory) {
  Map out;
  set(out, "cert_file", text(directory + "/" + kCertFile));
  set(out, "key_file", text(directory + "/" + kKeyFile));
  if (tls.verify) {
    set(out, "ca_file", text(directory + "/" + kAuthorityFile));
    set(out, "verify", flag(true));
  }
  return {std::move(out)};
}

Map cluster_block(const Cluster& cluster) {
  const model::ClusterConfig& config = cluster.spec.config.cluster;
  Map out;
  set(out, "name", text(cluster.nats_name()));
  set(out, "host", variable("LISTEN_ADDRESS"));
  set(out, "port", number(config.port));
  set(out, "no_advertise", flag(config.no_advertise));
  if (config.pool_size) set(out, "pool_size", number(*config.pool_size));
  if (config.tls.enabled) set(out, "tls", tls_block(config.tls, kRouteTlsDirectory));
  set(out, "include", {Include{kClusterFile}});
  return out;
}

std::string nats_conf(const Cluster& cluster) {
  const model::Config& config = cluster.spec.config;
  Map out;
  set(out, "server_name", variable("SERVER_NAME"));
  set(out, "host", variable("LISTEN_ADDRESS"));
  set(out, "port", number(config.nats.port));
  if (config.monitor.enabled) set(out, "http_port", number(config.monitor.port));
  if (config.nats.tls.enabled) set(out, "tls", tls_block(config.nats.tls, kClientTlsDirectory));
  set_limits(out, config.nats);
  if (!config.server_tags.empty()) {
    List tags;
    for (const std::string& tag : config.server_tags) tags.push_back(text(tag));
    set(out, "server_tags", {std::move(tags)});
  }
  set(out, "lame_duck_duration", text(config.lame_duck.duration));
  set(out, "lame_duck_grace_period", text(config.lame_duck.grace_period));
  if (config.debug) set(out, "debug", flag(true));
  if (config.trace) set(out, "trace", flag(true));
  set(out, "cluster", {cluster_block(cluster)});
  merge_into(out, config.merge);
  if (cluster.spec.auth.mode != AuthMode::kNone) set(out, "include", {Include{kAuthFile}});
  return kHeader + to_text(out);
}

Value subjects(const model::SubjectRules& rules) {
  auto list = [](const std::vector<std::string>& names) {
    List out;
    for (const std::string& name : names) out.push_back(text(name));
    return Value{std::move(out)};
  };
  Map out;
  if (!rules.allow.empty()) set(out, "allow", list(rules.allow));
  if (!rules.deny.empty()) set(out, "deny", list(rules.deny));
  return {std::move(out)};
}

bool restricts(const std::optional<model::SubjectRules>& rules) {
  return rules && !(rules->allow.empty() && rules->deny.empty());
}

Value user_entry(const model::UserRef& ref, const Credentials& credentials) {
  Map out;
  set(out, "user", text(credentials.user));
  set(out, "password", text(credentials.password));
  Map permissions;
  if (restricts(ref.publish)) set(permissions, "publish", subjects(*ref.publish));
  if (restricts(ref.subscribe)) set(permissions, "subscribe", subjects(*ref.subscribe));
  if (!permissions.empty()) set(out, "permissions", {std::move(permissions)});
  return {std::move(out)};
}

std::string auth_conf(const model::Auth& auth, const Secrets& secrets) {
  if (auth.mode == AuthMode::kNone) return "";
  Map authorization;
  if (auth.mode == AuthMode::kToken) {
    set(authorization, "token", text(secrets.token));
  } else {
    NATRIX_ASSERT(secrets.users.size() == auth.users.size(),
                  "credentials for every user of the spec");
    List users;
    for (size_t i = 0; i < auth.users.size(); ++i) {
      users.push_back(user_entry(auth.users[i], secrets.users[i]));
    }
    set(authorization, "users", {std::move(users)});
  }
  Map out;
  set(out, "authorization", {std::move(authorization)});
  return kHeader + to_text(out);
}

}  // namespace

std::string server_host(const Cluster& cluster, int ordinal) {
  const char* suffix = cluster.spec.service.headless() ? "" : "-headless";
  return fmt::format("{0}-{1}.{0}{2}.{3}.svc.{4}", cluster.name, ordinal, suffix, cluster.ns,
                     cluster.spec.config.cluster.k8s_cluster_domain);
}

std::string cluster_conf(const Cluster& cluster, const Credentials& credentials, int servers) {
  Map authorization;
  set(authorization, "user", text(credentials.user));
  set(authorization, "password", text(credentials.password));
  Map out;
  set(out, "authorization", {std::move(authorization)});
  List routes;
  for (int i = 0; i < servers; ++i) {
    routes.push_back(text(fmt::format("nats-route://{}:{}@{}:{}", percent_encoded(credentials.user),
                                      percent_encoded(credentials.password),
                                      server_host(cluster, i), cluster.spec.config.cluster.port)));
  }
  set(out, "routes", {std::move(routes)});
  return kHeader + to_text(out);
}

Rendered render(const Cluster& cluster, const Secrets& secrets, int servers) {
  Rendered out;
  out.nats_conf = nats_conf(cluster);
  out.cluster_conf = cluster_conf(cluster, secrets.routes, servers);
  out.auth_conf = auth_conf(cluster.spec.auth, secrets);
  out.restart_digest = model::digest_of(
      model::Json::array({out.nats_conf, cluster_conf(cluster, secrets.routes, 0), out.auth_conf}));
  return out;
}

}  // namespace natrix::brokerconf
