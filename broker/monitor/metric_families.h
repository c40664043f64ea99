// Families: samples collected for one scrape; only the metrics*.cc files include this.
#pragma once

#include <prometheus/metric_family.h>

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/monitor/source.h"

namespace natrix::monitor {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Families in the order of their first sample.
class Families {
 public:
  explicit Families(std::string server) : server_(std::move(server)) {}

  void gauge(const std::string& name, const std::string& help, double value, Labels labels = {}) {
    ClientMetric metric;
    metric.gauge.value = value;
    add(name, help, MetricType::Gauge, std::move(labels), metric);
  }
  void counter(const std::string& name, const std::string& help, double value, Labels labels = {}) {
    ClientMetric metric;
    metric.counter.value = value;
    add(name, help, MetricType::Counter, std::move(labels), metric);
  }
  [[nodiscard]] bool has(const std::string& name) const { return index_.count(name) != 0; }
  // The label that every series of the exporter's names has.
  [[nodiscard]] Labels server(Labels more = {}) const {
    more.insert(more.begin(), {"server_id", server_});
    return more;
  }
  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  void add(const std::string& name, const std::string& help, MetricType type, Labels labels,
           ClientMetric metric) {
    auto [found, fresh] = index_.try_emplace(name, families_.size());
    if (fresh) families_.push_back({name, help, type, {}});
    metric.label = std::move(labels);
    families_[found->second].metric.push_back(std::move(metric));
  }

  std::string server_;
  std::vector<MetricFamily> families_;
  std::unordered_map<std::string, size_t> index_;
};

// The exporter's "-jsz=all", and what our store says of itself.
void add_jetstream(Families& out, const ServerInfo& server,
                   const std::optional<JetStreamPage>& page);

}  // namespace natrix::monitor
