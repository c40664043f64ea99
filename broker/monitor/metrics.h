// The /metrics page: what Prometheus scrapes.
//
// Names, labels and types are those that the official prometheus-nats-exporter makes of the other
// pages when it is started with "-prefix nats -use_internal_server_name -varz -connz -routez -subz
// -healthz -accstatz -leafz", as its Helm chart does; dashboards made for it work unchanged:
//   nats_<page>_<field>{server_id="<server name>"}        a number of the page (nested ones joined)
//   nats_<page>_<field>{server_id=..., value="<text>"} 1  a text: ids, names, versions
//   nats_varz_start, nats_varz_config_load_time           milliseconds since 1970
// The label server_id holds the server's name because that survives a restart, unlike the id.
// The sums of nats_connz_* are over all open connections, not over the first page as there.
// To these come process_* (the usual names) and a few natrix_* of our own.
//
// The number of series does not depend on connections, subscriptions or routes: sums only. Accounts
// beyond kMaxAccountSeries are added up under the account "_other".
#pragma once

#include <prometheus/collectable.h>

#include <string>
#include <vector>

#include "broker/monitor/http_server.h"
#include "broker/monitor/process_facts.h"
#include "broker/monitor/render.h"
#include "broker/monitor/source.h"

namespace natrix::monitor {

inline constexpr size_t kMaxAccountSeries = 200;

// Everything one scrape shows, taken at one time.
struct Scrape {
  Time now;
  ServerInfo server;
  ConnectionPage connections;  // of ConnectionQuery::sums_only
  RoutePage routes;
  SubscriptionPage subscriptions;
  AccountPage accounts;
  Health health;
  std::optional<JetStreamPage> jetstream;
  ProcessFacts process;
  RequestCounts requests;
  HttpCounters http;
};

// A view of a scrape in prometheus-cpp's terms; lives as long as the scrape it was made of.
class ScrapeCollectable final : public prometheus::Collectable {
 public:
  explicit ScrapeCollectable(const Scrape& scrape) : scrape_(scrape) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Scrape& scrape_;
};

// The text exposition format 0.0.4.
std::string metrics_text(const Scrape& scrape);
inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace natrix::monitor
