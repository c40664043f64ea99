// The loop that drives a Reconciler: watches turn events into keys, the queue orders them, workers
// take them one by one.
//
//   events -> Informer (one a type) -> WorkQueue -> workers -> Reconciler
//
// The same for a real API server and for the embedded one. Methods are for one thread, except
// unsynced() and the View of what is watched, which are safe from any.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "operator/base/clock.h"
#include "operator/base/log.h"
#include "operator/cache/informer.h"
#include "operator/kube/api.h"
#include "operator/metrics/metrics.h"
#include "operator/queue/work_queue.h"
#include "operator/reconcile/reconciler.h"
#include "operator/reconcile/view.h"

namespace natrix::controller {

// One type to follow, and whose business a change of it is.
struct WatchSpec {
  kube::ResourceType type;
  std::string label_selector;
  bool metadata_only = false;
  cache::Projection projection;
  // The object to reconcile after `change`; nothing: nobody's.
  std::function<std::optional<queue::Key>(const cache::Change& change)> key_of;
};

struct ControllerOptions {
  std::string ns;  // empty: all namespaces
  size_t workers = 4;
  queue::QueueOptions queue;
  // Of a watch that fails, and the spread of the lists after 410: see cache/informer.h.
  ops::BackoffPolicy watch_backoff = cache::InformerOptions{}.backoff;
  ops::Duration relist_spread = cache::InformerOptions{}.relist_spread;
};

class Controller : public reconcile::View {
 public:
  // The first of `watches` is the type that is reconciled. All references outlive the controller.
  Controller(kube::Api& api, reconcile::Reconciler& reconciler, std::vector<WatchSpec> watches,
             ControllerOptions options, ops::Clock& clock, ops::Log& log,
             metrics::Metrics& metrics);
  ~Controller() override;
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Fills the caches and the queue; a replica that only stands by does no more than this.
  void start_watching();
  // Starts the workers, as soon as the first watch is complete. The other ones are not waited for:
  // the reconciler reads what it decides on from the API, watches only tell it when.
  void start_working();
  // Ends the workers after the passes they are in, then the watches. Cancel the Api's calls between
  // begin_stop() and stop() to be quick; without begin_stop(), stop() does both.
  void begin_stop();
  void stop();

  // "natsclusters.natrix.dev, pods" while their first list is not complete; empty: all are.
  [[nodiscard]] std::string unsynced() const;
  [[nodiscard]] std::optional<std::string> version(const kube::ObjectRef& ref) const override;
  [[nodiscard]] size_t owned(const kube::ResourceType& type,
                             const std::string& owner_uid) const override;
  // For /metrics; the result refers to this object.
  [[nodiscard]] metrics::Sources metric_sources(std::function<bool()> leader);

 private:
  void work();
  void pass(const queue::Key& key);
  // Null: not watched, or the first list is not complete.
  [[nodiscard]] const cache::Informer* informer_of(const kube::ResourceType& type) const;

  kube::Api& api_;
  reconcile::Reconciler& reconciler_;
  const ControllerOptions options_;
  ops::Clock& clock_;
  ops::Log& log_;
  metrics::Metrics& metrics_;
  queue::WorkQueue queue_;
  std::vector<std::unique_ptr<cache::Informer>> informers_;
  std::vector<std::thread> workers_;
};

}  // namespace natrix::controller
