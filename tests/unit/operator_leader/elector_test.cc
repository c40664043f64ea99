#include "operator/leader/elector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "operator/base/timestamp.h"
#include "tests/support/fake_clock.h"
#include "tests/support/refusing_api.h"

namespace natrix::leader {
namespace {

using namespace std::chrono_literals;
using kube::ApiError;
using kube::ApiResult;
using kube::Errc;
using kube::Json;

// The one Lease, with optimistic locking.
struct LeaseServer {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Json> lease;
  int version = 0;

  Json spec() {
    std::lock_guard lock(mutex);
    return lease ? (*lease)["spec"] : Json();
  }
};

// One replica's way to the server, which the test can cut: before the request or after it.
class LeaseApi final : public tests::RefusingApi {
 public:
  explicit LeaseApi(LeaseServer& server) : server_(server) {}
  std::atomic<bool> cut{false};
  std::atomic<bool> lose_answers{false};
  std::atomic<int> writes{0};
  std::atomic<bool> may_watch{false};
  std::atomic<int> watches{0};

  ApiResult<Json> get(const kube::ObjectRef&) override {
    std::lock_guard lock(server_.mutex);
    if (cut || lose_answers) return broken();
    if (!server_.lease) return fail_with(ApiError{.code = Errc::kNotFound});
    return *server_.lease;
  }
  ApiResult<Json> create(const kube::ResourceType&, const Json& object) override {
    std::lock_guard lock(server_.mutex);
    if (cut) return broken();
    if (server_.lease) return fail_with(ApiError{.code = Errc::kAlreadyExists});
    return store(object);
  }
  ApiResult<Json> replace(const kube::ObjectRef&, const Json& object) override {
    std::lock_guard lock(server_.mutex);
    if (cut) return broken();
    if (!server_.lease) return fail_with(ApiError{.code = Errc::kNotFound});
    if (object["metadata"]["resourceVersion"] != (*server_.lease)["metadata"]["resourceVersion"]) {
      return fail_with(ApiError{.code = Errc::kConflict});
    }
    return store(object);
  }

  // Waits in real time, so that the clock's sleepers are the electors alone.
  std::shared_ptr<kube::CancelToken> make_cancel_token() override {
    if (!may_watch) return nullptr;
    return std::make_shared<Token>(server_);
  }
  ApiResult<void> watch(const kube::ResourceType&, const kube::WatchOptions& options,
                        const std::function<void(kube::WatchEvent)>& on_event,
                        const std::shared_ptr<kube::CancelToken>& cancel) override {
    EXPECT_EQ(options.field_selector, "metadata.name=natrix-operator");
    ++watches;
    std::unique_lock lock(server_.mutex);
    int seen = -1;
    while (!cancel->cancelled()) {
      if (seen == server_.version || !server_.lease) {
        server_.changed.wait(lock);
        continue;
      }
      seen = server_.version;
      const Json lease = *server_.lease;
      lock.unlock();
      on_event({kube::WatchEventType::kModified, lease});
      lock.lock();
    }
    return fail_with(ApiError{.code = Errc::kCancelled});
  }

 private:
  class Token : public kube::CancelToken {
   public:
    explicit Token(LeaseServer& server) : server_(server) {}
    void cancel() override {
      std::lock_guard lock(server_.mutex);
      cancelled_ = true;
      server_.changed.notify_all();
    }
    [[nodiscard]] bool cancelled() const override { return cancelled_; }

   private:
    LeaseServer& server_;
    std::atomic<bool> cancelled_{false};
  };

  static Failure<ApiError> broken() {
    return fail_with(ApiError{.code = Errc::kConnection, .message = "cut"});
  }
  ApiResult<Json> store(Json object) {
    ++writes;
    object["metadata"]["resourceVersion"] = std::to_string(++server_.version);
    server_.lease = object;
    server_.changed.notify_all();
    if (lose_answers) return broken();
    return object;
  }
  LeaseServer& server_;
};

struct Replica {
  Replica(LeaseServer& server, ops::Clock& clock, ops::Log& log, const std::string& name)
      : api(server),
        elector(api, {.ns = "natrix-system", .identity = name, .random = [] { return 0.0; }}, clock,
                log, {[this] { ++started; }, [this] { ++lost; }}) {}
  LeaseApi api;
  std::atomic<int> started{0};
  std::atomic<int> lost{0};
  Elector elector;
};

class ElectorTest : public testing::Test {
 protected:
  Replica& add(const std::string& name, bool may_watch = false) {
    replicas_.push_back(std::make_unique<Replica>(server_, clock_, log_, name));
    replicas_.back()->api.may_watch = may_watch;
    replicas_.back()->elector.start();
    settle();
    return *replicas_.back();
  }
  // Waits until every elector that still runs has gone to sleep.
  void settle() {
    auto all_asleep = [this] {
      size_t running = 0;
      for (auto& replica : replicas_) running += replica->lost == 0 ? 1 : 0;
      return clock_.sleepers() >= running - stopped_;
    };
    bool asleep = all_asleep();
    for (int i = 0; i < 50'000 && !asleep; ++i) {
      std::this_thread::sleep_for(100us);
      asleep = all_asleep();
    }
    ASSERT_TRUE(asleep);
  }
  void pass(ops::Duration time) {
    for (ops::Duration done{0}; done < time; done += 100ms) {
      clock_.advance(100ms);
      settle();
      int leaders = 0;
      for (auto& replica : replicas_) leaders += replica->elector.is_leader() ? 1 : 0;
      ASSERT_LE(leaders, 1) << "two replicas believe to lead";
    }
  }
  void stop(Replica& replica) {
    replica.elector.stop();
    replica.elector.release();
    ++stopped_;
  }

  LeaseServer server_;
  tests::FakeClock clock_;
  ops::Log log_{[](std::string_view) {}};
  std::vector<std::unique_ptr<Replica>> replicas_;
  size_t stopped_ = 0;
};

TEST_F(ElectorTest, FirstReplicaCreatesTheLeaseAndKeepsIt) {
  Replica& a = add("a");
  EXPECT_TRUE(a.elector.is_leader());
  EXPECT_EQ(a.started, 1);
  Json spec = server_.spec();
  EXPECT_EQ(spec["holderIdentity"], "a");
  EXPECT_EQ(spec["leaseDurationSeconds"], 15);
  EXPECT_EQ(spec["leaseTransitions"], 0);
  std::string acquired = spec["acquireTime"];
  pass(60s);
  EXPECT_TRUE(a.elector.is_leader());
  EXPECT_EQ(a.started, 1);
  spec = server_.spec();
  EXPECT_EQ(spec["acquireTime"], acquired);
  EXPECT_GT(spec["renewTime"], acquired);
  EXPECT_NEAR(a.api.writes, 31, 1) << "one renewal every two seconds";
}

TEST_F(ElectorTest, SecondReplicaWaitsAndTakesOverFromADeadOne) {
  Replica& a = add("a");
  Replica& b = add("b");
  pass(30s);
  EXPECT_EQ(b.started, 0);
  EXPECT_EQ(b.elector.holder(), "a");
  a.api.cut = true;
  pass(9s);
  EXPECT_EQ(a.lost, 0);
  pass(5s);
  EXPECT_EQ(a.lost, 1) << "gives up before anybody may take over";
  EXPECT_FALSE(a.elector.is_leader());
  EXPECT_EQ(b.started, 0);
  pass(6s);
  EXPECT_TRUE(b.elector.is_leader());
  EXPECT_EQ(server_.spec()["leaseTransitions"], 1);
}

TEST_F(ElectorTest, CleanStopHandsOverAtOnce) {
  Replica& a = add("a");
  Replica& b = add("b");
  pass(3s);
  stop(a);
  EXPECT_EQ(server_.spec()["holderIdentity"], "");
  EXPECT_EQ(a.lost, 0) << "stopping is not losing";
  EXPECT_FALSE(a.elector.is_leader());
  pass(3s);
  EXPECT_TRUE(b.elector.is_leader());
}

TEST_F(ElectorTest, AFollowerThatMayWatchTakesAReleasedLeaseWithoutWaiting) {
  Replica& a = add("a");
  Replica& b = add("b", true);
  pass(3s);
  EXPECT_EQ(b.api.watches, 1);
  const ops::Time before = clock_.now();
  stop(a);
  for (int i = 0; i < 1000 && !b.elector.is_leader(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(b.elector.is_leader());
  EXPECT_EQ(clock_.now(), before) << "no time has passed";
}

TEST_F(ElectorTest, AFollowerWaitsForTheLeaseToRunOutAndNotLonger) {
  Replica& a = add("a");
  Replica& b = add("b", true);
  pass(4s);
  a.api.cut = true;
  pass(14s);
  EXPECT_FALSE(b.elector.is_leader());
  pass(2s);
  EXPECT_TRUE(b.elector.is_leader());
}

TEST_F(ElectorTest, ShortOutageIsSurvived) {
  Replica& a = add("a");
  Replica& b = add("b");
  pass(4s);
  a.api.cut = true;
  pass(8s);
  a.api.cut = false;
  pass(30s);
  EXPECT_TRUE(a.elector.is_leader());
  EXPECT_EQ(a.lost, 0);
  EXPECT_EQ(b.started, 0);
}

TEST_F(ElectorTest, WriteWhoseAnswerGotLostIsRecognised) {
  Replica& a = add("a");
  pass(2s);
  a.api.lose_answers = true;
  pass(4s);
  a.api.lose_answers = false;
  pass(10s);
  EXPECT_TRUE(a.elector.is_leader());
  EXPECT_EQ(a.lost, 0);
}

TEST_F(ElectorTest, StolenLeaseIsLostAtTheNextLook) {
  Replica& a = add("a");
  {
    std::lock_guard lock(server_.mutex);
    (*server_.lease)["spec"]["holderIdentity"] = "thief";
    (*server_.lease)["metadata"]["resourceVersion"] = std::to_string(++server_.version);
  }
  clock_.advance(2s);
  for (int i = 0; i < 500 && a.lost == 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(a.lost, 1);
  EXPECT_FALSE(a.elector.is_leader());
  EXPECT_EQ(server_.spec()["holderIdentity"], "thief");
}

TEST_F(ElectorTest, StoppingAFollowerLeavesTheLeaseAlone) {
  add("a");
  Replica& b = add("b");
  pass(2s);
  stop(b);
  EXPECT_EQ(server_.spec()["holderIdentity"], "a");
}

TEST_F(ElectorTest, LeaseOfOthersKeepsItsForeignFields) {
  server_.lease = Json{{"metadata", {{"resourceVersion", "0"}, {"labels", {{"x", "y"}}}}},
                       {"spec", {{"holderIdentity", ""}, {"strategy", "kept"}}}};
  Replica& a = add("a");
  EXPECT_TRUE(a.elector.is_leader());
  EXPECT_EQ((*server_.lease)["metadata"]["labels"]["x"], "y");
  EXPECT_EQ(server_.spec()["strategy"], "kept");
}

TEST_F(ElectorTest, NonsenseInTheLeaseIsSurvived) {
  server_.lease = Json{{"metadata", {{"resourceVersion", "0"}}},
                       {"spec",
                        {{"holderIdentity", "ghost"},
                         {"leaseDurationSeconds", 9'000'000'000'000'000'000},
                         {"renewTime", 5}}}};
  Replica& a = add("a");
  pass(20s);
  EXPECT_FALSE(a.elector.is_leader()) << "an unbelievable duration counts as an hour";
  {
    std::lock_guard lock(server_.mutex);
    server_.lease = Json{{"metadata", {{"resourceVersion", "0"}}}, {"spec", "text"}};
  }
  pass(5s);
  EXPECT_TRUE(a.elector.is_leader());
}

// Whatever gets cut for however long, pass() sees at most one leader at any time.
TEST_F(ElectorTest, NeverTwoLeadersUnderRandomCuts) {
  for (unsigned seed = 0; seed < 5; ++seed) {
    server_.lease.reset();
    std::mt19937 random(seed);
    std::vector<Replica*> group;
    for (int i = 0; i < 3; ++i) group.push_back(&add(fmt::format("s{}r{}", seed, i)));
    for (int i = 0; i < 20; ++i) {
      Replica& victim = *group[random() % group.size()];
      switch (random() % 3) {
        case 0:
          victim.api.cut = !victim.api.cut;
          break;
        case 1:
          victim.api.lose_answers = !victim.api.lose_answers;
          break;
        default:
          break;
      }
      pass(std::chrono::milliseconds(500 + random() % 8000));
      if (HasFatalFailure()) return;
    }
    int started = 0;
    for (Replica* replica : group) started += replica->started;
    EXPECT_GE(started, 1) << "seed " << seed;
    for (auto& replica : replicas_) replica->elector.stop();
    replicas_.clear();
  }
}

}  // namespace
}  // namespace natrix::leader
