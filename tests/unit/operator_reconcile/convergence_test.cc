// Convergence under faults: a cluster's life from a seed, with every kind of fault the API, the
// watches and the nodes can show, judged by what really happened.
//
// Every write that reaches the API server is held against the truth of that moment: no server is
// taken away while another is down, no claim is ever deleted, nothing is deleted by name alone, no
// status claims what is not so. When the faults end the cluster settles, by nothing but events and
// the times the reconciler itself asked for; and then costs no write.
//
// NATRIX_SEEDS=5000 tries more seeds, NATRIX_SEED=17 one of them and says what was injected.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "operator/kube/resources.h"
#include "operator/local/memory_api/faults.h"
#include "tests/unit/operator_reconcile/judge.h"
#include "tests/unit/operator_reconcile/world.h"

namespace natrix::reconcile {
namespace {

using memory_api::Crash;
using memory_api::FaultPlan;
using memory_api::FaultyApi;

constexpr const char* kNs = "default";
// The sanitizers look for other things.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeeds = 15;
#else
constexpr uint64_t kSeeds = 150;
#endif
constexpr int kStormMoves = 30;
constexpr int kMostCalmMoves = 2000;

// One seed.
class Life {
 public:
  explicit Life(uint64_t seed)
      : random_(seed),
        judge_(world_.server(), kNs, "nats"),
        api_(judge_, {}, seed),
        story_(random_() % 4) {}

  void run() {
    world_.put_secret("token", {{"token", "t"}});
    reconciler_ = world_.start(api_);
    wish();
    storm();
    calm();
    expect_settled();
    for (const std::string& violation : judge_.violations()) ADD_FAILURE() << violation;
    if (testing::Test::HasFailure()) tell();
  }

 private:
  bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
  int pick(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }

  FaultPlan faults() {
    FaultPlan plan;
    plan.read_error = 0.03;
    plan.write_conflict = 0.08;
    plan.write_refused = 0.08;
    plan.write_unanswered = 0.08;
    plan.list_gone = 0.02;
    if (story_ == 1) plan.stale_read = 0.15;
    if (story_ == 2) plan = {};  // only crashes
    const uint64_t in = 1 + random_() % 12;
    if (story_ != 0) {
      (chance(50) ? plan.crash_before_write : plan.crash_after_write) = api_.writes() + in;
    }
    return plan;
  }

  void wish() {
    replicas_ = 1 + pick(5);
    Json spec = {{"replicas", replicas_}};
    if (chance(30)) spec["config"]["nats"]["maxPayload"] = 1024 * (1 + pick(3));
    if (chance(30))
      spec["image"] = {{"repository", "nats"}, {"tag", "2." + std::to_string(10 + pick(3))}};
    if (chance(20)) spec["service"]["enabled"] = false;
    if (chance(20)) spec["networkPolicy"]["enabled"] = false;
    if (chance(20)) spec["auth"] = {{"mode", "Token"}, {"tokenSecretRef", {{"name", "token"}}}};
    size_gib_ += chance(30) ? 1 : 0;
    spec["storage"] = {{"size", std::to_string(size_gib_) + "Gi"},
                       {"retentionPolicy", {{"whenDeleted", chance(50) ? "Delete" : "Retain"}}}};
    world_.apply_cluster(spec.dump());
  }

  void nature() {
    const std::string pod = "nats-" + std::to_string(pick(5));
    if (chance(6)) world_.stumble(pod, 1 + pick(6));
    if (chance(4)) world_.lose_pod(pod);
    if (chance(4))
      (void)world_.memory().merge_patch({kube::kStatefulSets, kNs, "nats"},
                                        {{"spec", {{"replicas", 1 + pick(5)}}}});
    if (chance(3))
      (void)world_.memory().merge_patch({kube::kConfigMaps, kNs, "nats-config"},
                                        {{"data", {{"nats.conf", "x"}}}});
  }

  // A crash takes the operator's memory; the next one starts from what it finds.
  Outcome pass() {
    try {
      return reconciler_->reconcile(kNs, "nats");
    } catch (const Crash&) {
      reconciler_ = world_.start(api_);
      api_.set_plan(faults());
      return {std::chrono::seconds(0), std::nullopt};
    }
  }

  // Events come twice, late, or not at all: passes happen when chance has it.
  void storm() {
    judge_.reads_may_be_stale(story_ == 1);
    api_.set_plan(faults());
    for (int move = 0; move < kStormMoves; ++move) {
      if (chance(12)) wish();
      nature();
      if (chance(70)) pass();
      if (chance(15)) pass();
      if (chance(75)) world_.step();
      judge_.look();
    }
    api_.set_plan({});
  }

  // No more faults. A pass happens because of an event or because its time has come.
  void calm() {
    judge_.reads_may_be_stale(false);
    uint64_t seen = 0;
    auto due = world_.clock().now();
    int quiet = 0;
    for (int move = 0; move < kMostCalmMoves; ++move) {
      // What the operator writes itself on the NatsCluster's status is no event (project_spec);
      // here it is one, once: it must lead nowhere.
      const bool event = world_.revision() != seen;
      seen = world_.revision();
      if (event || world_.clock().now() >= due) {
        const Outcome outcome = pass();
        const auto wait = outcome.error ? std::chrono::milliseconds(5000)
                                        : outcome.requeue_after.value_or(std::chrono::hours(1));
        due = world_.clock().now() + wait;
      }
      const bool moved = world_.step();
      judge_.look();
      quiet = moved || world_.revision() != seen ? 0 : quiet + 1;
      // Two minutes, in which the reconciler has looked again by itself.
      if (quiet > 60) return;
    }
    ADD_FAILURE() << "does not come to rest: " << world_.cluster().dump(1);
  }

  void expect_settled() {
    const Json cluster = world_.cluster();
    EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady") << cluster.dump(1);
    EXPECT_EQ(world_.pods().size(), static_cast<size_t>(replicas_));
    EXPECT_EQ(cluster["status"]["observedGeneration"], cluster["metadata"]["generation"]);
    const std::string size = std::to_string(size_gib_) + "Gi";
    for (int i = 0; i < replicas_; ++i) {
      const std::string claim = "data-nats-" + std::to_string(i);
      ASSERT_TRUE(world_.exists(kube::kPersistentVolumeClaims, claim));
      const Json live = world_.get(kube::kPersistentVolumeClaims, claim);
      EXPECT_EQ(live["spec"]["resources"]["requests"]["storage"], size) << claim;
    }
    const Json set = world_.get(kube::kStatefulSets, "nats");
    EXPECT_EQ(set["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"],
              size);
    const uint64_t before = world_.revision();
    world_.start(api_)->reconcile(kNs, "nats");
    EXPECT_EQ(world_.revision(), before) << "a settled cluster costs no write";
  }

  void tell() {
    for (const std::string& line : api_.injected()) std::fprintf(stderr, "  %s\n", line.c_str());
  }

  std::mt19937_64 random_;
  World world_;
  Judge judge_;
  FaultyApi api_;
  const uint64_t story_;  // 0: errors, 1: and stale reads, 2: crashes alone, 3: errors and crashes
  std::unique_ptr<ClusterReconciler> reconciler_;
  int replicas_ = 0;
  int size_gib_ = 1;
};

uint64_t number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Convergence, FromEverySeed) {
  const uint64_t only = number("NATRIX_SEED", 0);
  const uint64_t first = only == 0 ? 1 : only;
  const uint64_t last = only == 0 ? number("NATRIX_SEEDS", kSeeds) : only;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE(fmt::format("NATRIX_SEED={}", seed));
    Life(seed).run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace natrix::reconcile
