#include "operator/controller/controller.h"

#include "broker/base/assert.h"
#include "operator/kube/url.h"

namespace natrix::controller {
namespace {

queue::QueueOptions with_metrics(queue::QueueOptions options, metrics::Metrics& metrics) {
  options.on_take = [&metrics](ops::Duration waited) { metrics.queued_for(waited); };
  return options;
}

}  // namespace

Controller::Controller(kube::Api& api, reconcile::Reconciler& reconciler,
                       std::vector<WatchSpec> watches, ControllerOptions options, ops::Clock& clock,
                       ops::Log& log, metrics::Metrics& metrics)
    : api_(api),
      reconciler_(reconciler),
      options_(std::move(options)),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      queue_(with_metrics(options_.queue, metrics), clock) {
  NATRIX_ASSERT(!watches.empty(), "a controller watches something");
  for (WatchSpec& watch : watches) {
    cache::InformerOptions informer{.type = watch.type,
                                    .ns = options_.ns,
                                    .label_selector = watch.label_selector,
                                    .metadata_only = watch.metadata_only,
                                    .projection = watch.projection,
                                    .backoff = options_.watch_backoff,
                                    .relist_spread = options_.relist_spread};
    informers_.push_back(std::make_unique<cache::Informer>(
        api_, std::move(informer), clock_, log_,
        [this, key_of = std::move(watch.key_of)](const cache::Change& change) {
          if (auto key = key_of(change)) queue_.add(*key);
        }));
  }
}

Controller::~Controller() {
  stop();
}

void Controller::start_watching() {
  for (auto& informer : informers_) informer->start();
}

void Controller::start_working() {
  for (size_t i = 0; i < options_.workers; ++i) {
    workers_.emplace_back([this] {
      if (informers_.front()->wait_synced(ops::Time::max())) work();
    });
  }
}

void Controller::begin_stop() {
  queue_.shut_down();
  for (auto& informer : informers_) informer->cancel();
}

void Controller::stop() {
  begin_stop();
  for (auto& informer : informers_) informer->stop();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void Controller::work() {
  while (auto key = queue_.take()) {
    pass(*key);
    queue_.done(*key);
  }
}

void Controller::pass(const queue::Key& key) {
  ops::Time begin = clock_.now();
  reconcile::Outcome outcome;
  try {
    outcome = reconciler_.reconcile(key.ns, key.name);
  } catch (const std::exception& error) {
    // A document of a shape nobody thought of must not end the process for all other clusters.
    outcome.error = fmt::format("exception: {}", error.what());
  }
  ops::Duration took = clock_.now() - begin;
  std::string object = key.ns + "/" + key.name;
  auto took_ms = took / std::chrono::milliseconds(1);
  if (outcome.error) {
    metrics_.reconciled(metrics::PassResult::kError, took);
    log_.warn("pass failed", {{"cluster", object}, {"error", *outcome.error}, {"ms", took_ms}});
    queue_.retry(key, outcome.requeue_after.value_or(std::chrono::milliseconds(0)));
    return;
  }
  queue_.forget(key);
  if (outcome.requeue_after) queue_.add_after(key, *outcome.requeue_after);
  metrics_.reconciled(
      outcome.requeue_after ? metrics::PassResult::kRequeue : metrics::PassResult::kSuccess, took);
  log_.debug("pass done", {{"cluster", object}, {"ms", took_ms}});
}

std::string Controller::unsynced() const {
  std::string names;
  for (const auto& informer : informers_) {
    if (informer->synced()) continue;
    if (!names.empty()) names += ", ";
    names += kube::describe(informer->type());
  }
  return names;
}

const cache::Informer* Controller::informer_of(const kube::ResourceType& type) const {
  for (const auto& informer : informers_) {
    if (informer->type() == type) return informer->synced() ? informer.get() : nullptr;
  }
  return nullptr;
}

std::optional<std::string> Controller::version(const kube::ObjectRef& ref) const {
  const cache::Informer* informer = informer_of(ref.type);
  if (informer == nullptr || (!options_.ns.empty() && options_.ns != ref.ns)) return std::nullopt;
  const auto item = informer->find({ref.ns, ref.name});
  return item ? item->resource_version : "";
}

size_t Controller::owned(const kube::ResourceType& type, const std::string& owner_uid) const {
  const cache::Informer* informer = informer_of(type);
  return informer == nullptr ? 0 : informer->owned_by(owner_uid).size();
}

metrics::Sources Controller::metric_sources(std::function<bool()> leader) {
  auto queue_levels = [this] {
    queue::QueueStats stats = queue_.stats();
    return metrics::QueueLevels{.ready = static_cast<double>(stats.ready),
                                .delayed = static_cast<double>(stats.delayed),
                                .running = static_cast<double>(stats.running),
                                .adds = static_cast<double>(stats.adds),
                                .retries = static_cast<double>(stats.retries)};
  };
  auto watched = [this] {
    std::vector<metrics::WatchedType> types;
    for (const auto& informer : informers_) {
      cache::InformerStats stats = informer->stats();
      types.push_back({.type = kube::describe(informer->type()),
                       .synced = informer->synced(),
                       .objects = static_cast<double>(informer->size()),
                       .lists = static_cast<double>(stats.lists),
                       .watches = static_cast<double>(stats.watches),
                       .events = static_cast<double>(stats.events),
                       .failures = static_cast<double>(stats.failures)});
    }
    return types;
  };
  return {.queue = queue_levels, .watches = watched, .leader = std::move(leader)};
}

}  // namespace natrix::controller
