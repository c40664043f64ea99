// What the operator counts, under the names that Prometheus sees (natrix_operator_...).
//
// Safe from any thread. Counters are fed as things happen; what another module already keeps (queue
// depth, objects in a cache) is asked for when somebody scrapes. Label values come from fixed sets,
// so the number of series does not grow with the clusters managed.
#pragma once

#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "operator/base/clock.h"

namespace natrix::metrics {

enum class PassResult { kSuccess, kRequeue, kError };

// One watched type, at the time of the scrape.
struct WatchedType {
  std::string type;
  bool synced = false;
  double objects = 0;
  double lists = 0;
  double watches = 0;
  double events = 0;
  double failures = 0;
};

struct QueueLevels {
  double ready = 0;
  double delayed = 0;
  double running = 0;
  double adds = 0;
  double retries = 0;
};

// Asked at each scrape; may be empty.
struct Sources {
  std::function<QueueLevels()> queue;
  std::function<std::vector<WatchedType>()> watches;
  std::function<bool()> leader;
};

class Metrics {
 public:
  explicit Metrics(const std::string& version);
  ~Metrics();

  void reconciled(PassResult result, ops::Duration took);
  void queued_for(ops::Duration waited);
  // `status` 0: no answer. `took` is not recorded for watches, whose length means nothing.
  void api_request(std::string_view verb, int status, ops::Duration took);
  // What `sources` refers to must live until the next call or the end of this object.
  void set_sources(Sources sources);

  // The page, in Prometheus' text format.
  [[nodiscard]] std::string expose();

 private:
  struct Families;

  prometheus::Registry registry_;
  std::unique_ptr<Families> families_;
  std::mutex mutex_;
  Sources sources_;
};

}  // namespace natrix::metrics
