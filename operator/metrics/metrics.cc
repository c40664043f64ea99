#include "operator/metrics/metrics.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/text_serializer.h>

#include "operator/metrics/process.h"

namespace natrix::metrics {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildHistogram;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using Labels = std::vector<ClientMetric::Label>;

MetricFamily family(const char* name, const char* help, MetricType type) {
  MetricFamily result;
  result.name = name;
  result.help = help;
  result.type = type;
  return result;
}

void add_value(MetricFamily& target, double value, Labels labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  if (target.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  target.metric.push_back(std::move(metric));
}

MetricFamily single(const char* name, const char* help, MetricType type, double value) {
  MetricFamily result = family(name, help, type);
  add_value(result, value);
  return result;
}

double seconds(ops::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

const char* result_name(PassResult result) {
  switch (result) {
    case PassResult::kSuccess:
      return "success";
    case PassResult::kRequeue:
      return "requeue";
    case PassResult::kError:
      return "error";
  }
  return "error";
}

std::string code_label(int status) {
  if (status == 0) return "none";
  return status >= 100 && status <= 599 ? std::to_string(status) : "other";
}

void add_queue(std::vector<MetricFamily>& out, const QueueLevels& levels) {
  out.push_back(single("natrix_operator_queue_depth", "Objects waiting for a worker.",
                       MetricType::Gauge, levels.ready));
  out.push_back(single("natrix_operator_queue_delayed", "Objects to be looked at again later.",
                       MetricType::Gauge, levels.delayed));
  out.push_back(single("natrix_operator_queue_running", "Objects being reconciled now.",
                       MetricType::Gauge, levels.running));
  out.push_back(single("natrix_operator_queue_adds_total", "Events that queued an object.",
                       MetricType::Counter, levels.adds));
  out.push_back(single("natrix_operator_queue_retries_total", "Passes repeated after a failure.",
                       MetricType::Counter, levels.retries));
}

void add_watches(std::vector<MetricFamily>& out, const std::vector<WatchedType>& types) {
  MetricFamily synced = family("natrix_operator_watch_synced",
                               "1 once the first list of the type is complete.", MetricType::Gauge);
  MetricFamily objects =
      family("natrix_operator_watch_objects", "Objects of the type in memory.", MetricType::Gauge);
  MetricFamily lists =
      family("natrix_operator_watch_lists_total", "Full lists of the type.", MetricType::Counter);
  MetricFamily opened =
      family("natrix_operator_watch_streams_total", "Watch streams opened.", MetricType::Counter);
  MetricFamily events =
      family("natrix_operator_watch_events_total", "Events received.", MetricType::Counter);
  MetricFamily failures = family("natrix_operator_watch_failures_total",
                                 "Lists and streams that failed.", MetricType::Counter);
  for (const WatchedType& type : types) {
    Labels labels{{"type", type.type}};
    add_value(synced, type.synced ? 1 : 0, labels);
    add_value(objects, type.objects, labels);
    add_value(lists, type.lists, labels);
    add_value(opened, type.watches, labels);
    add_value(events, type.events, labels);
    add_value(failures, type.failures, labels);
  }
  for (MetricFamily* each : {&synced, &objects, &lists, &opened, &events, &failures}) {
    if (!each->metric.empty()) out.push_back(std::move(*each));
  }
}

void add_process(std::vector<MetricFamily>& out) {
  ProcessStats stats = read_process_stats();
  out.push_back(single("process_resident_memory_bytes", "Resident memory.", MetricType::Gauge,
                       stats.resident_bytes));
  out.push_back(single("process_cpu_seconds_total", "CPU time, user and system.",
                       MetricType::Counter, stats.cpu_seconds));
  out.push_back(
      single("process_open_fds", "Open file descriptors.", MetricType::Gauge, stats.open_fds));
  out.push_back(single("process_start_time_seconds", "Start, in seconds since the epoch.",
                       MetricType::Gauge, stats.start_time_seconds));
}

}  // namespace

struct Metrics::Families {
  explicit Families(prometheus::Registry& registry)
      : passes(BuildCounter()
                   .Name("natrix_operator_reconcile_total")
                   .Help("Passes over an object, by how they ended.")
                   .Register(registry)),
        pass_seconds(
            BuildHistogram()
                .Name("natrix_operator_reconcile_duration_seconds")
                .Help("Length of a pass.")
                .Register(registry)
                .Add({}, prometheus::Histogram::BucketBoundaries{0.005, 0.01, 0.025, 0.05, 0.1,
                                                                 0.25, 0.5, 1, 2.5, 5, 10, 30})),
        wait_seconds(BuildHistogram()
                         .Name("natrix_operator_queue_wait_seconds")
                         .Help("From being due to being taken by a worker.")
                         .Register(registry)
                         .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.01, 0.05, 0.1,
                                                                          0.5, 1, 5, 30, 120})),
        requests(BuildCounter()
                     .Name("natrix_operator_api_requests_total")
                     .Help("Requests to the Kubernetes API; code none: no answer came.")
                     .Register(registry)),
        request_seconds(BuildHistogram()
                            .Name("natrix_operator_api_request_duration_seconds")
                            .Help("Length of a request to the Kubernetes API, watches left out.")
                            .Register(registry)) {
    // Present from the start, so that rates and alerts have something to stand on.
    for (PassResult result : {PassResult::kSuccess, PassResult::kRequeue, PassResult::kError}) {
      passes.Add({{"result", result_name(result)}});
    }
  }
  prometheus::Family<prometheus::Counter>& passes;
  prometheus::Histogram& pass_seconds;
  prometheus::Histogram& wait_seconds;
  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Histogram>& request_seconds;
};

Metrics::Metrics(const std::string& version) : families_(std::make_unique<Families>(registry_)) {
  prometheus::BuildGauge()
      .Name("natrix_operator_build_info")
      .Help("Constant 1, with the version.")
      .Register(registry_)
      .Add({{"version", version}})
      .Set(1);
}

Metrics::~Metrics() = default;

void Metrics::reconciled(PassResult result, ops::Duration took) {
  families_->passes.Add({{"result", result_name(result)}}).Increment();
  families_->pass_seconds.Observe(seconds(took));
}

void Metrics::queued_for(ops::Duration waited) {
  families_->wait_seconds.Observe(seconds(waited));
}

void Metrics::api_request(std::string_view verb, int status, ops::Duration took) {
  std::string name(verb);
  families_->requests.Add({{"verb", name}, {"code", code_label(status)}}).Increment();
  if (name == "watch") return;
  families_->request_seconds
      .Add({{"verb", name}}, prometheus::Histogram::BucketBoundaries{0.005, 0.01, 0.025, 0.05, 0.1,
                                                                     0.25, 0.5, 1, 2.5, 5, 10, 30})
      .Observe(seconds(took));
}

void Metrics::set_sources(Sources sources) {
  std::lock_guard lock(mutex_);
  sources_ = std::move(sources);
}

std::string Metrics::expose() {
  std::vector<MetricFamily> families = registry_.Collect();
  {
    std::lock_guard lock(mutex_);
    if (sources_.queue) add_queue(families, sources_.queue());
    if (sources_.watches) add_watches(families, sources_.watches());
    if (sources_.leader) {
      families.push_back(single("natrix_operator_leader", "1 while this replica leads.",
                                MetricType::Gauge, sources_.leader() ? 1 : 0));
    }
  }
  add_process(families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace natrix::metrics
