#include "broker/monitor/metrics.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <unordered_map>

#include "broker/monitor/metric_families.h"
#include "broker/monitor/render_parts.h"

namespace natrix::monitor {
namespace {

double milliseconds(Time time) {
  auto since = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
  return static_cast<double>(since.count());
}

// The exporter's rule: joined by '_', anything that cannot stand in a name becomes '_', without
// repeated, leading and trailing ones. "http_req_stats" + "/varz" = "http_req_stats_varz".
std::string joined(const std::string& prefix, const std::string& key) {
  std::string name;
  for (char c : prefix + "_" + key) {
    bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (word) {
      name += c;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  return name;
}

bool contains(std::initializer_list<std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Numbers and chosen texts of a page as gauges, nested objects flattened, lists left out.
void add_page(Families& out, const std::string& page, const Json& object,
              const std::string& prefix = "") {
  for (const auto& [key, value] : object.items()) {
    std::string field = joined(prefix, key);
    if (contains({"leaf", "cluster_tls_timeout", "cluster_cluster_port", "cluster_auth_timeout"},
                 field)) {
      continue;
    }
    std::string name = fmt::format("nats_{}_{}", page, field);
    if (value.is_object()) {
      add_page(out, page, value, field);
    } else if (out.has(name)) {
      continue;
    } else if (value.is_number()) {
      out.gauge(name, field, value.get<double>(), out.server());
    } else if (value.is_string() &&
               contains({"server_id", "server_name", "version", "name"}, key)) {
      out.gauge(name, field, 1, out.server({{"value", value.get<std::string>()}}));
    }
  }
}

void add_connections(Families& out, const ConnectionPage& page) {
  auto open = static_cast<double>(page.total);
  const ConnectionSums& sums = page.sums;
  out.gauge("nats_connz_num_connections", "num_connections", open, out.server());
  out.gauge("nats_connz_total", "total", open, out.server());
  out.gauge("nats_connz_offset", "offset", static_cast<double>(page.offset), out.server());
  out.gauge("nats_connz_limit", "limit", static_cast<double>(page.limit), out.server());
  out.gauge("nats_connz_pending_bytes", "pending_bytes", static_cast<double>(sums.pending_bytes),
            out.server());
  out.gauge("nats_connz_subscriptions", "subscriptions", static_cast<double>(sums.subscriptions),
            out.server());
  // Declared as counters by the exporter although they shrink when connections close.
  const Traffic& traffic = sums.traffic;
  for (auto [field, value] :
       {std::pair("in_bytes", traffic.in_bytes), std::pair("out_bytes", traffic.out_bytes),
        std::pair("in_msgs", traffic.in_msgs), std::pair("out_msgs", traffic.out_msgs)}) {
    out.counter(fmt::format("nats_connz_{}", field), field, static_cast<double>(value),
                out.server());
  }
}

void add_health(Families& out, const Health& health) {
  bool ok = health.problems.empty();
  HealthAnswer answer = render_healthz(health, false);
  out.gauge("nats_healthz_status", "status", ok ? 0 : 1, out.server());
  out.gauge("nats_healthz_status_value", "status", ok ? 1 : 0,
            out.server({{"value", answer.body["status"].get<std::string>()}}));
}

void add_account(Families& out, const AccountInfo& info) {
  Labels labels = out.server({{"account", info.name},
                              {"account_id", info.name},
                              {"account_name", tag_of(info.tag, info.name)}});
  for (auto [field, value] :
       {std::pair("current_connections", info.client_connections),
        std::pair("total_connections", info.client_connections + info.leafnodes),
        std::pair("subscriptions", int64_t{info.subscriptions.num_subscriptions}),
        std::pair("leaf_nodes", info.leafnodes), std::pair("sent_messages", info.traffic.out_msgs),
        std::pair("sent_bytes", info.traffic.out_bytes),
        std::pair("received_messages", info.traffic.in_msgs),
        std::pair("received_bytes", info.traffic.in_bytes),
        std::pair("slow_consumers", info.slow_consumers)}) {
    out.gauge(fmt::format("nats_accstatz_{}", field), field, static_cast<double>(value), labels);
  }
}

void add_accounts(Families& out, const std::vector<AccountInfo>& accounts) {
  size_t shown = std::min(accounts.size(), kMaxAccountSeries);
  for (size_t i = 0; i < shown; ++i) add_account(out, accounts[i]);
  if (shown == accounts.size()) return;
  AccountInfo other;
  other.name = "_other";
  for (size_t i = shown; i < accounts.size(); ++i) {
    other.client_connections += accounts[i].client_connections;
    other.leafnodes += accounts[i].leafnodes;
    other.subscriptions.num_subscriptions += accounts[i].subscriptions.num_subscriptions;
    other.traffic.in_msgs += accounts[i].traffic.in_msgs;
    other.traffic.in_bytes += accounts[i].traffic.in_bytes;
    other.traffic.out_msgs += accounts[i].traffic.out_msgs;
    other.traffic.out_bytes += accounts[i].traffic.out_bytes;
    other.slow_consumers += accounts[i].slow_consumers;
  }
  add_account(out, other);
}

void add_process(Families& out, const ProcessFacts& process) {
  out.counter("process_cpu_seconds_total", "User and system CPU time spent in seconds.",
              process.cpu_seconds);
  out.gauge("process_resident_memory_bytes", "Resident memory size in bytes.",
            static_cast<double>(process.resident_bytes));
  out.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.",
            static_cast<double>(process.virtual_bytes));
  out.gauge("process_open_fds", "Number of open file descriptors.",
            static_cast<double>(process.open_fds));
  out.gauge("process_max_fds", "Maximum number of open file descriptors.",
            static_cast<double>(process.max_fds));
  out.gauge("process_threads", "Number of threads.", static_cast<double>(process.threads));
  out.gauge("process_start_time_seconds", "Start time of the process since 1970 in seconds.",
            milliseconds(process.start) / 1000);
}

double seconds(Time time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// The serial is a label: after a rotation the series with the new one takes over.
void add_certificate(Families& out, const char* listener,
                     const std::optional<tls::CertificateFacts>& certificate) {
  if (!certificate) return;
  Labels labels = {{"listener", listener}, {"serial", certificate->serial}};
  out.gauge("natrix_tls_certificate_not_before_seconds",
            "Since when the certificate in use is valid, in seconds since 1970.",
            seconds(certificate->not_before), labels);
  out.gauge("natrix_tls_certificate_not_after_seconds",
            "Until when the certificate in use is valid, in seconds since 1970.",
            seconds(certificate->not_after), labels);
}

void add_ours(Families& out, const Scrape& scrape) {
  const ServerInfo& server = scrape.server;
  out.gauge("natrix_build_info", "The program that runs, always 1.", 1,
            {{"impl", server.impl},
             {"impl_version", server.impl_version},
             {"nats_version", server.version}});
  add_certificate(out, "client", server.tls_certificate);
  if (server.https_port != 0) add_certificate(out, "monitor", server.tls_certificate);
  add_certificate(out, "cluster", server.cluster.tls_certificate);
  out.gauge("natrix_monitor_connections", "Open connections to the monitoring port.",
            static_cast<double>(scrape.http.connections));
  out.counter("natrix_monitor_refused_connections_total",
              "Connections to the monitoring port turned away because too many were open.",
              static_cast<double>(scrape.http.refused));
}

}  // namespace

std::vector<MetricFamily> ScrapeCollectable::Collect() const {
  Families out(scrape_.server.server_name);
  add_page(out, "varz",
           render_varz(scrape_.server, scrape_.process, scrape_.requests, scrape_.now));
  out.gauge("nats_varz_start", "start", milliseconds(scrape_.server.start), out.server());
  out.gauge("nats_varz_config_load_time", "config_load_time",
            milliseconds(scrape_.server.config_load_time), out.server());
  add_connections(out, scrape_.connections);
  add_page(out, "routez", render_routez(scrape_.routes, ListSubs::kNo));
  add_page(out, "subsz", render_subsz(scrape_.subscriptions, false));
  add_health(out, scrape_.health);
  add_accounts(out, scrape_.accounts.accounts);
  add_jetstream(out, scrape_.server, scrape_.jetstream);
  out.gauge("nats_leafz_conn_nodes_total", "nodes_total",
            static_cast<double>(scrape_.server.leafnodes), out.server());
  add_process(out, scrape_.process);
  add_ours(out, scrape_);
  return out.take();
}

std::string metrics_text(const Scrape& scrape) {
  return prometheus::TextSerializer().Serialize(ScrapeCollectable(scrape).Collect());
}

}  // namespace natrix::monitor
