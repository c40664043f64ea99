#include "operator/main/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "broker/base/version.h"
#include "operator/base/clock.h"
#include "operator/base/memory.h"
#include "operator/brokerapi/http_broker_api.h"
#include "operator/controller/cluster_watches.h"
#include "operator/controller/controller.h"
#include "operator/kube/config.h"
#include "operator/kube/cpprest/transport.h"
#include "operator/kube/http_api.h"
#include "operator/leader/elector.h"
#include "operator/main/pages.h"
#include "operator/reconcile/cluster_reconciler.h"

namespace natrix::operator_main {
namespace {

constexpr int kCannotStart = 2;

std::string pod_name() {
  if (const char* name = std::getenv("POD_NAME"); name && *name) return name;
  char host[256] = "natrix-operator";
  ::gethostname(host, sizeof host - 1);
  return host;
}

// Unlike the pod's name, different after each restart: what a predecessor held is not ours.
std::string identity() {
  std::random_device random;
  return fmt::format("{}_{:08x}", pod_name(), random());
}

kube::HttpApiOptions api_options(const Options& options, metrics::Metrics& metrics) {
  kube::HttpApiOptions result;
  result.user_agent = fmt::format("natrix-operator/{}", kVersion);
  result.requests_per_second = options.api_qps;
  result.burst = options.api_burst;
  result.observer = [&metrics](std::string_view verb, int status, ops::Duration took) {
    metrics.api_request(verb, status, took);
  };
  return result;
}

// Renewals must neither wait behind other requests nor longer than a fraction of renew_deadline.
kube::HttpApiOptions lease_api_options(const Options& options, metrics::Metrics& metrics) {
  kube::HttpApiOptions result = api_options(options, metrics);
  result.requests_per_second = 0;
  result.call_timeout = std::chrono::seconds(3);
  return result;
}

reconcile::ClusterReconcilerOptions reconciler_options(const Options& options) {
  reconcile::ClusterReconcilerOptions result;
  result.instance = pod_name();
  if (!options.broker_image.empty()) result.default_image = options.broker_image;
  result.resync = std::chrono::seconds(options.resync_seconds);
  return result;
}

// The parts in the order they depend on each other; members below may use those above.
class Program {
 public:
  Program(const Options& options, const kube::ClusterConfig& config, StopRequest& stop,
          ops::Log& log)
      : options_(options),
        stop_(stop),
        log_(log),
        metrics_(std::string(kVersion)),
        api_(config, kube::make_cpprest_transport, api_options(options, metrics_), clock_, log),
        lease_api_(config, kube::make_cpprest_transport, lease_api_options(options, metrics_),
                   clock_, log),
        brokers_(brokerapi::make_http_broker_api()),
        reconciler_(api_, *brokers_, clock_, log, reconciler_options(options),
                    reconcile::random_password),
        controller_(api_, reconciler_, controller::cluster_watches(),
                    {.ns = options.ns, .workers = static_cast<size_t>(options.workers)}, clock_,
                    log, metrics_),
        elector_(lease_api_,
                 {.ns = options.leader_elect_namespace.empty() ? config.ns
                                                               : options.leader_elect_namespace,
                  .identity = identity()},
                 clock_, log,
                 {.on_started = [this] { controller_.start_working(); },
                  .on_lost = [this] { stop_.fail(); }}) {
    metrics_.set_sources(controller_.metric_sources([this] { return leading(); }));
    reconciler_.use(controller_);
  }

  int run() {
    if (!serve_pages()) return kCannotStart;
    controller_.start_watching();
    if (options_.leader_elect) {
      elector_.start();
    } else {
      controller_.start_working();
    }
    const StopRequest::Cause cause = wait_tidily();
    log_.info("stopping");
    shut_down();
    return cause == StopRequest::Cause::kSignal ? 0 : 1;
  }

 private:
  // Soon after the start, and ever more rarely, what was needed only for a while is given back.
  StopRequest::Cause wait_tidily() {
    std::chrono::milliseconds interval = std::chrono::seconds(2);
    std::optional<StopRequest::Cause> cause;
    while (!(cause = stop_.wait_for(interval))) {
      ops::give_back_memory();
      interval = std::min<std::chrono::milliseconds>(2 * interval, std::chrono::minutes(10));
    }
    return *cause;
  }

  bool serve_pages() {
    auto served = operator_main::serve_pages(options_.metrics_address, metrics_, controller_, log_);
    if (!served) {
      log_.error("cannot start", {{"error", served.error().message}});
      return false;
    }
    pages_ = std::move(*served);
    return true;
  }

  // A pass may be cut anywhere: the next leader starts from what it finds. The elector ends first,
  // so that it does not start workers now, but gives the Lease back only when no worker of ours can
  // write any more.
  void shut_down() {
    elector_.stop();
    controller_.begin_stop();
    api_.shutdown();
    controller_.stop();
    elector_.release();
    metrics_.set_sources({});
    pages_.reset();
  }

  bool leading() const { return !options_.leader_elect || elector_.is_leader(); }

  const Options& options_;
  StopRequest& stop_;
  ops::Log& log_;
  ops::Clock& clock_ = ops::system_clock();
  metrics::Metrics metrics_;
  kube::HttpApi api_;
  kube::HttpApi lease_api_;
  std::unique_ptr<brokerapi::BrokerApi> brokers_;
  reconcile::ClusterReconciler reconciler_;
  controller::Controller controller_;
  leader::Elector elector_;
  std::unique_ptr<metrics::HttpListener> pages_;
};

}  // namespace

int run(const Options& options, StopRequest& stop, ops::Log& log) {
  auto config = kube::discover_config(options.kubeconfig, options.context);
  if (!config) {
    log.error("cannot start", {{"error", config.error().message}});
    return kCannotStart;
  }
  // Each watch holds a request open; two more threads keep calls going whatever the watches do.
  const size_t watches = controller::cluster_watches().size() + (options.leader_elect ? 1 : 0);
  kube::set_transport_threads(watches + 2);
  log.info("natrix-operator starts", {{"version", kVersion},
                                      {"server", config->server},
                                      {"config", config->source},
                                      {"namespace", options.ns.empty() ? "(all)" : options.ns},
                                      {"leader_elect", options.leader_elect}});
  return Program(options, *config, stop, log).run();
}

}  // namespace natrix::operator_main
