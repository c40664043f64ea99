#include <chrono>

#include "broker/base/duration.h"
#include "broker/base/time_format.h"
#include "broker/monitor/render.h"
#include "broker/monitor/render_parts.h"

namespace natrix::monitor {
namespace {

// The serial is ours alone: it shows which certificate is served after a rotation.
void put_certificate(Json& out, const std::optional<tls::CertificateFacts>& certificate) {
  if (!certificate) return;
  out["tls_cert_not_after"] = format_rfc3339(certificate->not_after);
  out["tls_cert_serial"] = certificate->serial;
}

Json cluster(const ClusterInfo& info) {
  Json out = Json::object();
  put_if(out, "name", info.name);
  if (info.port == 0) return out;  // no cluster: nats-server shows none of the defaults either
  put_if(out, "addr", info.addr);
  put_if(out, "cluster_port", info.port);
  if (info.auth_timeout != 0) out["auth_timeout"] = number(info.auth_timeout);
  put_if(out, "urls", info.urls);
  if (info.tls_timeout != 0) out["tls_timeout"] = number(info.tls_timeout);
  put_if(out, "tls_required", info.tls_required);
  put_if(out, "tls_verify", info.tls_verify);
  put_if(out, "pool_size", info.pool_size);
  put_if(out, "write_deadline", info.write_deadline.count());
  put_certificate(out, info.tls_certificate);
  return out;
}

Json counts(const SlowConsumerCounts& counts) {
  return {{"clients", counts.clients},
          {"routes", counts.routes},
          {"gateways", counts.gateways},
          {"leafs", counts.leafs}};
}

Json disk_waits(const DiskWaits& waits) {
  return {{"waiters", waits.waiters},
          {"waits", waits.waits},
          {"wait_time", waits.wait_time.count()},
          {"max_wait_time", waits.max_wait_time.count()}};
}

void put_identity(Json& out, const ServerInfo& info) {
  out["server_id"] = info.server_id;
  out["server_name"] = info.server_name;
  out["version"] = info.version;
  out["proto"] = info.proto;
  put_if(out, "git_commit", info.git_commit);
  out["go"] = info.toolchain;
  out["impl"] = info.impl;  // this and the next are ours alone
  out["impl_version"] = info.impl_version;
}

void put_options(Json& out, const ServerInfo& info) {
  out["host"] = info.host;
  out["port"] = info.port;
  put_if(out, "auth_required", info.auth_required);
  put_if(out, "tls_required", info.tls_required);
  put_if(out, "tls_verify", info.tls_verify);
  put_if(out, "connect_urls", info.connect_urls);
  out["max_connections"] = info.max_connections;
  put_if(out, "max_subscriptions", info.max_subscriptions);
  out["ping_interval"] = info.ping_interval.count();
  out["ping_max"] = info.ping_max;
  out["http_host"] = info.http_host;
  out["http_port"] = info.http_port;
  out["http_base_path"] = info.http_base_path;
  out["https_port"] = info.https_port;
  out["auth_timeout"] = number(info.auth_timeout);
  out["max_control_line"] = info.max_control_line;
  out["max_payload"] = info.max_payload;
  out["max_pending"] = info.max_pending;
  out["cluster"] = cluster(info.cluster);
  for (const char* absent : {"gateway", "leaf", "mqtt", "websocket"}) {
    out[absent] = Json::object();
  }
  out["jetstream"] = jetstream_of_varz(info);
  out["tls_timeout"] = number(info.tls_timeout);
  out["write_deadline"] = info.write_deadline.count();
}

void put_state(Json& out, const ServerInfo& info, const ProcessFacts& process, Time now) {
  out["start"] = format_rfc3339(info.start);
  out["now"] = format_rfc3339(now);
  out["uptime"] = format_uptime(now - info.start);
  out["mem"] = process.resident_bytes;
  out["cores"] = process.cores;
  out["gomaxprocs"] = info.shards;
  out["cpu"] = number(process.cpu_percent);
  out["connections"] = info.connections;
  out["total_connections"] = info.total_connections;
  out["routes"] = info.routes;
  out["remotes"] = info.remotes;
  out["leafnodes"] = info.leafnodes;
  out["in_msgs"] = info.traffic.in_msgs;
  out["in_bytes"] = info.traffic.in_bytes;
  out["in_client_msgs"] = info.client_traffic.in_msgs;
  out["in_client_bytes"] = info.client_traffic.in_bytes;
  out["out_msgs"] = info.traffic.out_msgs;
  out["out_bytes"] = info.traffic.out_bytes;
  out["out_client_msgs"] = info.client_traffic.out_msgs;
  out["out_client_bytes"] = info.client_traffic.out_bytes;
  out["slow_consumers"] = info.slow_consumers;
  out["stale_connections"] = info.stale_connections;
  out["stalled_clients"] = info.stalled_clients;
  out["subscriptions"] = info.subscriptions;
}

}  // namespace

Json render_varz(const ServerInfo& info, const ProcessFacts& process, const RequestCounts& requests,
                 Time now) {
  Json out = Json::object();
  put_identity(out, info);
  put_options(out, info);
  put_state(out, info, process, now);
  out["http_req_stats"] = requests;
  out["config_load_time"] = format_rfc3339(info.config_load_time);
  out["config_digest"] = info.config_digest;
  if (info.reload_interval.count() > 0)
    out["natrix_reload_interval"] = info.reload_interval.count();
  put_if(out, "tags", info.tags);
  if (!info.metadata.empty()) out["metadata"] = info.metadata;
  put_if(out, "system_account", info.system_account);
  out["slow_consumer_stats"] = counts(info.slow_consumer_stats);
  out["stale_connection_stats"] = counts(info.stale_connection_stats);
  out["disk_io_wait_stats"] = disk_waits(info.disk_waits);
  put_certificate(out, info.tls_certificate);
  return out;
}

}  // namespace natrix::monitor
