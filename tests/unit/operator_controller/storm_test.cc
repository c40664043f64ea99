// The whole loop from watches to writes, with real threads, while watches are cut, silent, doubled,
// late and too old, reads and writes fail, and the operator is restarted. Nothing but events and
// the times that the reconciler itself asks for lead to passes.
//
// As in the reconciler's convergence test every write is judged at the moment it happens; here the
// operator is the only one who takes servers away, so the judgement holds however threads run. When
// the faults end everything settles, and then nothing is written any more.
//
// NATRIX_SEEDS=500 tries more seeds, NATRIX_SEED=17 one of them and says what was injected.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <thread>

#include "operator/controller/cluster_watches.h"
#include "operator/controller/controller.h"
#include "operator/kube/resources.h"
#include "operator/local/memory_api/faults.h"
#include "operator/local/workload/controllers.h"
#include "operator/model/crd.h"
#include "operator/reconcile/cluster_reconciler.h"
#include "operator/reconcile/status.h"
#include "operator/reconcile/types.h"
#include "tests/support/fake_kubelet.h"
#include "tests/unit/operator_reconcile/judge.h"

namespace natrix::controller {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using memory_api::FaultPlan;
using reconcile::kNatsClusters;

constexpr const char* kNs = "default";
constexpr const char* kName = "nats";
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeeds = 4;
#else
constexpr uint64_t kSeeds = 12;
#endif
constexpr int kStormMoves = 60;
constexpr auto kMove = 3ms;
constexpr auto kQuiet = 400ms;
constexpr auto kLongestCalm = 60s;

memory_api::ServerOptions server_options() {
  memory_api::ServerOptions out;
  out.bookmark_interval = 40ms;
  return out;
}

// Servers that answer, each knowing all others.
class Answers : public brokerapi::BrokerApi {
 public:
  std::map<std::string, Result<brokerapi::ServerReport>> ask(
      const std::vector<brokerapi::ServerAddress>& servers, std::chrono::milliseconds) override {
    std::map<std::string, Result<brokerapi::ServerReport>> out;
    for (const auto& server : servers) {
      brokerapi::ServerReport report;
      report.server_id = "ID-" + server.name;
      report.server_name = server.name;
      report.version = "2.12.0";
      report.routed_servers = static_cast<int>(servers.size()) - 1;
      report.healthy = true;
      out.emplace(server.name, report);
    }
    return out;
  }
};

// One life of the operator.
class Operator {
 public:
  Operator(kube::Api& api, ops::Log& log)
      : reconciler_(api, answers_, ops::system_clock(), log, {}, [] { return "password"; }),
        controller_(api, reconciler_, cluster_watches(), options(), ops::system_clock(), log,
                    metrics_) {
    reconciler_.use(controller_);
    controller_.start_watching();
    controller_.start_working();
  }

 private:
  static ControllerOptions options() {
    ControllerOptions out{.ns = kNs, .workers = 2};
    out.queue.backoff = {.initial = 2ms, .max = 50ms, .factor = 2.0, .jitter = 0.2};
    out.queue.retries_per_second = 0;
    out.watch_backoff = {.initial = 2ms, .max = 50ms, .factor = 2.0, .jitter = 0.5};
    out.relist_spread = 5ms;
    return out;
  }

  Answers answers_;
  metrics::Metrics metrics_{"0"};
  reconcile::ClusterReconciler reconciler_;
  Controller controller_;
};

class Storm {
 public:
  explicit Storm(uint64_t seed) : random_(seed), api_(judge_, {}, seed) {
    const auto created =
        server_.create(server_.find_type("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
                       "", Json::parse(model::cluster_crd().dump()), {});
    EXPECT_TRUE(created.ok());
  }

  void run() {
    wish();
    operator_ = std::make_unique<Operator>(api_, log_);
    api_.set_plan(faults());
    for (int move = 0; move < kStormMoves; ++move) {
      if (chance(10)) wish();
      if (chance(5)) drift();
      if (chance(3)) restart();
      step();
    }
    api_.set_plan({});
    calm();
    operator_.reset();
    for (const std::string& violation : judge_.violations()) ADD_FAILURE() << violation;
    if (testing::Test::HasFailure()) tell();
  }

 private:
  bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
  int pick(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }

  static FaultPlan faults() {
    FaultPlan plan;
    plan.read_error = 0.02;
    plan.write_conflict = 0.05;
    plan.write_refused = 0.05;
    plan.write_unanswered = 0.05;
    plan.list_gone = 0.05;
    plan.watch_refused = 0.1;
    plan.watch_cut = 0.05;
    plan.watch_gone = 0.03;
    plan.watch_duplicate = 0.1;
    plan.watch_reorder = 0.1;
    plan.watch_silent = 0.03;
    plan.silence_noticed_after = 60ms;
    return plan;
  }

  void wish() {
    replicas_ = 1 + pick(4);
    Json spec = {{"replicas", replicas_}};
    if (chance(40))
      spec["image"] = {{"repository", "nats"}, {"tag", "2." + std::to_string(pick(3))}};
    if (chance(30)) spec["config"]["nats"]["maxPayload"] = 1024 * (1 + pick(3));
    if (chance(20)) spec["podDisruptionBudget"]["enabled"] = false;
    const Json object = {{"apiVersion", model::kApiVersion},
                         {"kind", model::kKind},
                         {"metadata", {{"name", kName}, {"namespace", kNs}}},
                         {"spec", spec}};
    const auto applied = users_.apply({kNatsClusters, kNs, kName}, object, "kubectl");
    EXPECT_TRUE(applied.ok()) << (applied ? "" : applied.error().message);
  }

  // Somebody meddles with what takes no server away.
  void drift() {
    (void)users_.merge_patch({kube::kConfigMaps, kNs, "nats-config"}, {{"data", {{"x", "y"}}}});
    const auto service = users_.get({kube::kServices, kNs, kName});
    if (service && chance(50)) {
      (void)users_.remove({kube::kServices, kNs, kName}, {.uid = (*service)["metadata"]["uid"]},
                          kube::Propagation::kBackground);
    }
  }

  void restart() {
    operator_.reset();
    operator_ = std::make_unique<Operator>(api_, log_);
  }

  void step() {
    controllers_.sync();
    judge_.look();
    kubelet_.step();
    judge_.look();
    std::this_thread::sleep_for(kMove);
  }

  [[nodiscard]] bool settled() {
    const auto cluster = users_.get({kNatsClusters, kNs, kName});
    if (!cluster) return false;
    const Json& status = reconcile::member(*cluster, "status");
    if (reconcile::condition_status(status, model::ConditionType::kReady) != "True") return false;
    if (status["observedGeneration"] != (*cluster)["metadata"]["generation"]) return false;
    const auto set = users_.get({kube::kStatefulSets, kNs, kName});
    return set && reconcile::int_at(*set, {"spec", "replicas"}) == replicas_ &&
           reconcile::int_at(*set, {"status", "updatedReplicas"}) == replicas_ &&
           users_.get({kube::kServices, kNs, kName}).ok();
  }

  void calm() {
    const auto deadline = std::chrono::steady_clock::now() + kLongestCalm;
    uint64_t seen = 0;
    auto since = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < deadline) {
      step();
      const auto now = std::chrono::steady_clock::now();
      if (server_.revision() != seen || !settled()) since = now;
      seen = server_.revision();
      if (now - since > kQuiet) return;
    }
    const auto cluster = users_.get({kNatsClusters, kNs, kName});
    ADD_FAILURE() << "does not come to rest: " << (cluster ? cluster->dump(1) : "no cluster");
  }

  void tell() {
    for (const std::string& line : api_.injected()) std::fprintf(stderr, "  %s\n", line.c_str());
  }

  std::mt19937_64 random_;
  memory_api::ApiServer server_{server_options()};
  memory_api::MemoryApi users_{server_, "user"};
  workload::Controllers controllers_{server_};
  tests::FakeKubelet kubelet_{server_};
  reconcile::Judge judge_{server_, kNs, kName};
  memory_api::FaultyApi api_;
  ops::Log log_{[](std::string_view) {}};
  std::unique_ptr<Operator> operator_;
  int replicas_ = 0;
};

uint64_t number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Storm, FromEverySeedItConverges) {
  const uint64_t only = number("NATRIX_SEED", 0);
  const uint64_t first = only == 0 ? 1 : only;
  const uint64_t last = only == 0 ? number("NATRIX_SEEDS", kSeeds) : only;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE(fmt::format("NATRIX_SEED={}", seed));
    Storm(seed).run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace natrix::controller
