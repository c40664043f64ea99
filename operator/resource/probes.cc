// When a pod counts as started, alive and ready. These rules are part of the cluster's correctness:
//
// - startup gives a server the time to read what it stored; the budget grows with the volume.
// - liveness must not depend on other servers or on JetStream's state: a restart heals neither, and
//   restarting all servers of a cluster without a leader keeps it from ever getting one.
//   js-enabled-only stops before every such check.
// - readiness asks whether this server can do its part (js-server-only: without judging each
//   stream), because a Service should not send clients to one that cannot.
//
// Servers without JetStream ignore both parameters.
#include <algorithm>

#include "operator/model/units.h"
#include "operator/resource/builders.h"

namespace natrix::resource {

namespace {

constexpr int kStartupPeriodSeconds = 2;
constexpr int kStartupBaseSeconds = 300;
constexpr int kStartupSecondsPerGiB = 60;
constexpr int kStartupMostSeconds = 3600;

int startup_budget(const model::Cluster& cluster) {
  if (!cluster.spec.storage) return kStartupBaseSeconds;
  const int64_t gib = model::quantity_units(cluster.spec.storage->size) >> 30;
  return static_cast<int>(
      std::min<int64_t>(kStartupMostSeconds, kStartupBaseSeconds + gib * kStartupSecondsPerGiB));
}

Json check(const model::Config& config, const char* query) {
  if (!config.monitor.enabled) return {{"tcpSocket", {{"port", "nats"}}}};
  return {{"httpGet", {{"path", std::string("/healthz") + query}, {"port", "monitor"}}}};
}

Json timed(Json probe, int period_seconds, int timeout_seconds, int failures) {
  probe["periodSeconds"] = period_seconds;
  probe["timeoutSeconds"] = timeout_seconds;
  probe["failureThreshold"] = failures;
  return probe;
}

}  // namespace

Probes server_probes(const model::Cluster& cluster) {
  const model::Config& config = cluster.spec.config;
  return {timed(check(config, "?js-enabled-only=true"), kStartupPeriodSeconds, 5,
                startup_budget(cluster) / kStartupPeriodSeconds),
          timed(check(config, "?js-enabled-only=true"), 30, 5, 3),
          timed(check(config, "?js-server-only=true"), 5, 5, 3)};
}

}  // namespace natrix::resource
