// The whole loop over the in-memory API server, with a reconciler the test scripts.
#include "operator/controller/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "operator/kube/resources.h"
#include "operator/local/memory_api/memory_api.h"

namespace natrix::controller {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using reconcile::Outcome;
using testing::HasSubstr;

class ScriptedReconciler final : public reconcile::Reconciler {
 public:
  std::function<Outcome(const std::string& name, int times)> script;

  Outcome reconcile(const std::string& ns, const std::string& name) override {
    std::unique_lock lock(mutex_);
    int times = ++passes_[ns + "/" + name];
    changed_.notify_all();
    lock.unlock();
    return script ? script(name, times) : Outcome{};
  }
  bool wait_passes(const std::string& object, int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return passes_[object] >= count; });
  }
  int passes(const std::string& object) {
    std::lock_guard lock(mutex_);
    return passes_[object];
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> passes_;
};

class ControllerTest : public testing::Test {
 protected:
  // ConfigMaps are reconciled, Services labelled owner=<name> are their children.
  void start(size_t workers = 2) {
    WatchSpec primary{
        .type = kube::kConfigMaps,
        .projection = cache::project_spec,
        .key_of = [](const cache::Change& c) -> std::optional<queue::Key> { return c.key; }};
    WatchSpec child{.type = kube::kServices,
                    .label_selector = "owner",
                    .projection =
                        [](const Json& object) {
                          cache::Projected projected = cache::project_all(object);
                          projected.kept =
                              std::make_shared<const Json>(object["metadata"]["labels"]["owner"]);
                          return projected;
                        },
                    .key_of = [](const cache::Change& c) -> std::optional<queue::Key> {
                      const auto& item = c.after ? *c.after : *c.before;
                      return queue::Key{c.key.ns, item.kept->get<std::string>()};
                    }};
    ControllerOptions options{.ns = "default", .workers = workers};
    options.queue.backoff.initial = 10ms;
    controller_ =
        std::make_unique<Controller>(api_, reconciler_, std::vector<WatchSpec>{primary, child},
                                     options, ops::system_clock(), log_, metrics_);
    metrics_.set_sources(controller_->metric_sources([] { return true; }));
    controller_->start_watching();
  }
  void TearDown() override {
    metrics_.set_sources({});
    controller_.reset();
  }
  void create_config_map(const std::string& name) {
    Json object = {{"apiVersion", "v1"},
                   {"kind", "ConfigMap"},
                   {"metadata", {{"namespace", "default"}, {"name", name}}}};
    auto created = api_.create(kube::kConfigMaps, object);
    ASSERT_TRUE(created) << created.error().message;
  }
  bool wait_synced() {
    for (int i = 0; i < 1000 && !controller_->unsynced().empty(); ++i) {
      std::this_thread::sleep_for(10ms);
    }
    return controller_->unsynced().empty();
  }

  memory_api::ApiServer server_;
  memory_api::MemoryApi api_{server_};
  std::mutex lines_mutex_;
  std::vector<std::string> lines_;
  ops::Log log_{[this](std::string_view line) {
    std::lock_guard lock(lines_mutex_);
    lines_.emplace_back(line);
  }};
  metrics::Metrics metrics_{"0"};
  ScriptedReconciler reconciler_;
  std::unique_ptr<Controller> controller_;
};

TEST_F(ControllerTest, ObjectsThereBeforeAndAfterTheStartAreReconciled) {
  create_config_map("before");
  start();
  controller_->start_working();
  EXPECT_TRUE(reconciler_.wait_passes("default/before", 1));
  create_config_map("after");
  EXPECT_TRUE(reconciler_.wait_passes("default/after", 1));
}

TEST_F(ControllerTest, ChangeOfAChildLeadsToAPassOfItsOwner) {
  start();
  controller_->start_working();
  ASSERT_TRUE(wait_synced());
  Json service = {
      {"apiVersion", "v1"},
      {"kind", "Service"},
      {"metadata", {{"namespace", "default"}, {"name", "s"}, {"labels", {{"owner", "orders"}}}}},
      {"spec", {{"ports", Json::array({{{"port", 80}}})}}}};
  auto created = api_.create(kube::kServices, service);
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_TRUE(reconciler_.wait_passes("default/orders", 1));
  int passes = reconciler_.passes("default/orders");
  ASSERT_TRUE(api_.remove({kube::kServices, "default", "s"}, {.uid = (*created)["metadata"]["uid"]},
                          kube::Propagation::kBackground));
  EXPECT_TRUE(reconciler_.wait_passes("default/orders", passes + 1));
}

TEST_F(ControllerTest, FailedPassesAreRepeatedLoggedAndCounted) {
  reconciler_.script = [](const std::string&, int times) {
    if (times == 1) return Outcome{.error = "no luck"};
    if (times == 2) throw std::runtime_error("strange document");
    return Outcome{};
  };
  create_config_map("a");
  start();
  controller_->start_working();
  ASSERT_TRUE(reconciler_.wait_passes("default/a", 3));
  controller_->stop();
  EXPECT_EQ(reconciler_.passes("default/a"), 3);
  std::string page = metrics_.expose();
  EXPECT_THAT(page, HasSubstr("natrix_operator_reconcile_total{result=\"error\"} 2"));
  EXPECT_THAT(page, HasSubstr("natrix_operator_reconcile_total{result=\"success\"} 1"));
  std::string log = testing::PrintToString(lines_);
  EXPECT_THAT(log, HasSubstr("no luck"));
  EXPECT_THAT(log, HasSubstr("exception: strange document"));
}

TEST_F(ControllerTest, RequeueAfterIsNotAFailure) {
  reconciler_.script = [](const std::string&, int times) {
    return times < 4 ? Outcome{.requeue_after = 5ms} : Outcome{};
  };
  create_config_map("a");
  start();
  controller_->start_working();
  EXPECT_TRUE(reconciler_.wait_passes("default/a", 4));
  controller_->stop();
  EXPECT_THAT(metrics_.expose(), HasSubstr("natrix_operator_queue_retries_total 0"));
}

TEST_F(ControllerTest, AnOverloadedApiServerIsLeftAloneForAsLongAsItAsks) {
  std::atomic<int64_t> waited_ms{0};
  auto begin = std::chrono::steady_clock::now();
  reconciler_.script = [&](const std::string&, int times) {
    if (times == 1) return Outcome{.requeue_after = 700ms, .error = "429"};
    waited_ms = (std::chrono::steady_clock::now() - begin) / 1ms;
    return Outcome{};
  };
  create_config_map("a");
  begin = std::chrono::steady_clock::now();
  start();
  controller_->start_working();
  ASSERT_TRUE(reconciler_.wait_passes("default/a", 2));
  controller_->stop();  // the script refers to this frame
  EXPECT_GE(waited_ms, 700);
}

TEST_F(ControllerTest, StandbyWatchesButDoesNotAct) {
  create_config_map("a");
  start();
  ASSERT_TRUE(wait_synced());
  std::string page = metrics_.expose();
  EXPECT_THAT(page, HasSubstr("natrix_operator_watch_objects{type=\"configmaps\"}"));
  EXPECT_EQ(reconciler_.passes("default/a"), 0);
  controller_->start_working();
  EXPECT_TRUE(reconciler_.wait_passes("default/a", 1));
}

TEST_F(ControllerTest, SlowObjectDoesNotHoldUpOthers) {
  std::atomic<bool> release{false};
  reconciler_.script = [&](const std::string& name, int) {
    while (name == "slow" && !release) std::this_thread::sleep_for(1ms);
    return Outcome{};
  };
  create_config_map("slow");
  start(2);
  controller_->start_working();
  ASSERT_TRUE(reconciler_.wait_passes("default/slow", 1));
  for (int i = 0; i < 20; ++i) create_config_map("fast" + std::to_string(i));
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(reconciler_.wait_passes("default/fast" + std::to_string(i), 1));
  }
  release = true;
  controller_->stop();  // the script refers to this frame
}

TEST_F(ControllerTest, StopsQuickly) {
  start();
  controller_->start_working();
  ASSERT_TRUE(wait_synced());
  auto begin = std::chrono::steady_clock::now();
  controller_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
}

}  // namespace
}  // namespace natrix::controller
