// Leader election through a coordination.k8s.io Lease: of several replicas of the operator one
// acts.
//
// Safety rests on durations measured by each replica's own monotonic clock, never on comparing
// calendars: a follower waits lease_duration after it last saw the Lease change before it takes it,
// a leader gives up renew_deadline after its last successful renewal, and the latter is shorter. In
// between a leader must have stopped acting: on_lost has to end the process or its work at once.
//
// A follower looks at the Lease now and then and when it is about to run out; besides, it watches
// it, so that a Lease that is given back is taken within a moment. Without the right to watch it
// only looks.
//
// One thread of its own, and one more while it follows. The callbacks run on the former and must
// not call stop(). start, stop and release are for one thread; the questions are safe from any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "operator/base/backoff.h"
#include "operator/base/clock.h"
#include "operator/base/log.h"
#include "operator/kube/api.h"

namespace natrix::leader {

struct ElectorOptions {
  std::string ns;
  std::string name = "natrix-operator";
  std::string identity;  // unique to this process
  // Whole seconds: the Lease carries no fractions.
  std::chrono::seconds lease_duration{15};
  ops::Duration renew_deadline = std::chrono::seconds(10);
  ops::Duration retry_period = std::chrono::seconds(2);
  ops::RandomSource random = ops::default_random();
};

class Elector {
 public:
  struct Callbacks {
    std::function<void()> on_started;  // we lead from now on
    std::function<void()> on_lost;     // we led and do not any more; the elector has ended
  };

  // `api` is best one of its own, whose calls time out well within renew_deadline and do not queue
  // behind others. It, `clock` and `log` outlive the elector.
  Elector(kube::Api& api, ElectorOptions options, ops::Clock& clock, ops::Log& log,
          Callbacks callbacks);
  ~Elector();
  Elector(const Elector&) = delete;
  Elector& operator=(const Elector&) = delete;

  void start();
  // Ends the thread: no callback runs or will run, and the Lease is no longer renewed.
  void stop();
  // After stop(): gives the Lease back if we lead, so that another replica takes over at once. Stop
  // acting first.
  void release();

  // Whether we lead and the last renewal is recent enough to rely on.
  [[nodiscard]] bool is_leader() const;
  // Who held the Lease when we last looked; empty: nobody.
  [[nodiscard]] std::string holder() const;

 private:
  // What the Lease says, as far as it matters to us.
  struct Record {
    std::string holder;
    std::string acquire_time;
    std::string renew_time;
    int64_t duration_seconds = 0;
    int64_t transitions = 0;
    friend bool operator==(const Record&, const Record&) = default;
  };

  void run();
  bool acquire();
  // Follows the Lease until `cancel` fires; wakes acquire() when nobody holds it any more.
  void follow(const std::shared_ptr<kube::CancelToken>& cancel);
  void on_lease_event(const kube::WatchEvent& event);
  // Waits for the next look of a follower.
  void wait_for_turn();
  void lead();
  bool try_acquire_or_renew();
  bool create_lease();
  bool write_lease(kube::Json lease, const Record& current);
  void observe(const Record& record);
  [[nodiscard]] bool held_by_other(const Record& record) const;
  [[nodiscard]] kube::Json fill(kube::Json lease, const Record& record) const;
  static Record read(const kube::Json& lease);
  bool pause(ops::Duration duration);
  void renewed(kube::Json lease, ops::Time asked_at);

  kube::Api& api_;
  const ElectorOptions options_;
  const kube::ObjectRef ref_;
  ops::Clock& clock_;
  ops::Log& log_;
  const Callbacks callbacks_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool leading_ = false;
  bool vacant_ = false;    // the watch saw that nobody holds the Lease
  bool followed_ = false;  // nothing is left to follow: we lead or end
  ops::Time renewed_at_{};
  Record observed_;
  ops::Time observed_at_{};

  // The Lease as our last write left it, empty after a failure. Only the elector's thread, and
  // release() once that has ended.
  std::optional<kube::Json> ours_;

  std::thread thread_;
};

}  // namespace natrix::leader
