// Lists, selectors and watches.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "tests/unit/operator_local/api_conformance.h"

namespace natrix::testing {

using kube::Errc;
using kube::kConfigMaps;
using kube::WatchEventType;

namespace {

// Runs a watch in a thread and hands out its events in order.
class Watcher {
 public:
  Watcher(std::shared_ptr<kube::Api> api, const kube::ResourceType& type,
          kube::WatchOptions options)
      : api_(std::move(api)), token_(api_->make_cancel_token()) {
    thread_ = std::thread([this, type, options] {
      result_ = api_->watch(
          type, options, [this](kube::WatchEvent event) { push(std::move(event)); }, token_);
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    });
  }
  ~Watcher() {
    token_->cancel();
    thread_.join();
  }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // "ADDED name", ... ; "" when nothing comes. Bookmarks are passed over.
  std::string next(std::chrono::milliseconds wait = std::chrono::seconds(20)) {
    const auto deadline = std::chrono::steady_clock::now() + wait;
    std::unique_lock lock(mutex_);
    for (;;) {
      while (!events_.empty()) {
        kube::WatchEvent event = std::move(events_.front());
        events_.pop_front();
        if (event.type == WatchEventType::kBookmark) continue;
        last_ = event.object;
        static constexpr const char* kNames[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"};
        return std::string(kNames[static_cast<int>(event.type)]) + " " +
               event.object["metadata"]["name"].get<std::string>();
      }
      if (ended_ || changed_.wait_until(lock, deadline) == std::cv_status::timeout) return "";
    }
  }
  const Json& last() const { return last_; }

  kube::ApiResult<void> finish() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return ended_; });
    EXPECT_TRUE(ended_);
    return result_;
  }
  void cancel() { token_->cancel(); }

 private:
  void push(kube::WatchEvent event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    changed_.notify_all();
  }

  std::shared_ptr<kube::Api> api_;
  std::shared_ptr<kube::CancelToken> token_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<kube::WatchEvent> events_;
  Json last_;
  bool ended_ = false;
  kube::ApiResult<void> result_;
  std::thread thread_;
};

}  // namespace

TEST_P(ApiConformance, ListsSelectByLabels) {
  const std::pair<const char*, Json> objects[] = {{"a", {{"app", "x"}, {"tier", "front"}}},
                                                  {"b", {{"app", "y"}, {"tier", "front"}}},
                                                  {"c", {{"app", "x"}}},
                                                  {"d", Json::object()}};
  for (const auto& [name, labels] : objects) {
    Json object = widget(name);
    object["metadata"]["labels"] = labels;
    create(kWidgets, object);
  }
  const std::pair<const char*, const char*> table[] = {
      {"", "a b c d"},     {"app=x", "a c"},          {"app==x", "a c"},
      {"app!=x", "b d"},   {"app", "a b c"},          {"!app", "d"},
      {"tier", "a b"},     {"app in (x,y)", "a b c"}, {"app notin (x)", "b d"},
      {"app=x,tier", "a"}, {"app=x,!tier", "c"},      {"app=z", ""},
  };
  for (const auto& [selector, expected] : table) {
    const auto found = api_->list(kWidgets, {.ns = ns_, .label_selector = selector});
    ASSERT_TRUE(found.ok()) << selector << ": " << found.error().message;
    std::string names;
    for (const Json& item : found->items) {
      names += (names.empty() ? "" : " ") + item["metadata"]["name"].get<std::string>();
    }
    EXPECT_EQ(names, expected) << selector;
  }
  EXPECT_EQ(api_->list(kWidgets, {.ns = ns_, .label_selector = "app in x"}).error().code,
            Errc::kInvalid);
}

TEST_P(ApiConformance, ListsSelectByFields) {
  create(kWidgets, widget("a"));
  create(kWidgets, widget("b"));
  const auto found = api_->list(kWidgets, {.ns = ns_, .field_selector = "metadata.name=b"});
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->items.size(), 1U);
  EXPECT_EQ(found->items[0]["metadata"]["name"], "b");
  EXPECT_EQ(api_->list(kWidgets, {.ns = ns_, .field_selector = "spec.replicas=3"}).error().code,
            Errc::kInvalid);
}

TEST_P(ApiConformance, ListsComeInPagesAndMetadataAlone) {
  for (int i = 0; i < 7; ++i) create(kConfigMaps, config_map(fmt::format("m{}", i), {{"k", "v"}}));
  const auto found = api_->list(kConfigMaps, {.ns = ns_,
                                              .field_selector = "metadata.name!=kube-root-ca.crt",
                                              .metadata_only = true,
                                              .limit = 3});
  ASSERT_TRUE(found.ok()) << found.error().message;
  ASSERT_EQ(found->items.size(), 7U);
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(found->items[i]["metadata"]["name"], fmt::format("m{}", i));
    EXPECT_FALSE(found->items[i].contains("data"));
  }
  EXPECT_FALSE(found->resource_version.empty());
}

TEST_P(ApiConformance, AWatchContinuesAList) {
  create(kWidgets, widget("before"));
  const auto list = api_->list(kWidgets, {.ns = ns_});
  ASSERT_TRUE(list.ok());
  Watcher watcher(api_, kWidgets, {.ns = ns_, .resource_version = list->resource_version});
  const Json made = create(kWidgets, widget("a"));
  ASSERT_TRUE(api_->merge_patch(ref(kWidgets, "a"), {{"spec", {{"replicas", 1}}}}).ok());
  ASSERT_TRUE(api_->remove(ref(kWidgets, "a"), {made["metadata"]["uid"], ""},
                           kube::Propagation::kBackground)
                  .ok());
  EXPECT_EQ(watcher.next(), "ADDED a");
  const std::string added = watcher.last()["metadata"]["resourceVersion"];
  EXPECT_EQ(watcher.next(), "MODIFIED a");
  EXPECT_EQ(watcher.last()["spec"]["replicas"], 1);
  EXPECT_EQ(watcher.next(), "DELETED a");
  EXPECT_NE(watcher.last()["metadata"]["resourceVersion"], added);
}

TEST_P(ApiConformance, AWatchWithoutAVersionStartsWithWhatIsThere) {
  create(kWidgets, widget("a"));
  Watcher watcher(api_, kWidgets, {.ns = ns_});
  EXPECT_EQ(watcher.next(), "ADDED a");
  create(kWidgets, widget("b"));
  EXPECT_EQ(watcher.next(), "ADDED b");
}

TEST_P(ApiConformance, AWatchSeesObjectsEnterAndLeaveItsSelector) {
  const auto list = api_->list(kWidgets, {.ns = ns_});
  ASSERT_TRUE(list.ok());
  Watcher watcher(
      api_, kWidgets,
      {.ns = ns_, .label_selector = "on=yes", .resource_version = list->resource_version});
  create(kWidgets, widget("a"));
  const auto label = [&](const Json& value) {
    const Json patch = {{"metadata", {{"labels", {{"on", value}}}}}};
    ASSERT_TRUE(api_->merge_patch(ref(kWidgets, "a"), patch).ok());
  };
  label("yes");
  EXPECT_EQ(watcher.next(), "ADDED a");
  ASSERT_TRUE(api_->merge_patch(ref(kWidgets, "a"), {{"spec", {{"replicas", 1}}}}).ok());
  EXPECT_EQ(watcher.next(), "MODIFIED a");
  label("no");
  EXPECT_EQ(watcher.next(), "DELETED a");
  EXPECT_EQ(watcher.next(std::chrono::milliseconds(200)), "");
}

TEST_P(ApiConformance, ACancelledWatchEnds) {
  const auto list = api_->list(kWidgets, {.ns = ns_});
  ASSERT_TRUE(list.ok());
  Watcher watcher(api_, kWidgets, {.ns = ns_, .resource_version = list->resource_version});
  watcher.cancel();
  const auto result = watcher.finish();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Errc::kCancelled);
}

TEST_P(ApiConformance, EventsOfBothGroupsAreTheSameObjects) {
  const Json event = {{"apiVersion", "events.k8s.io/v1"},
                      {"kind", "Event"},
                      {"metadata", {{"name", "e.1"}, {"namespace", ns_}}},
                      {"eventTime", "2026-01-02T03:04:05.000006Z"},
                      {"reportingController", "natrix.dev/operator"},
                      {"reportingInstance", "x"},
                      {"action", "Scale"},
                      {"reason", "Scaled"},
                      {"type", "Normal"},
                      {"note", "three to five"},
                      {"regarding", {{"kind", "Widget"}, {"name", "a"}, {"namespace", ns_}}}};
  create(kube::kEvents, event);
  const kube::ResourceType core{"", "v1", "events", "Event", true};
  const auto found = api_->list(
      core, {.ns = ns_, .field_selector = "involvedObject.name=a,involvedObject.kind=Widget"});
  ASSERT_TRUE(found.ok()) << found.error().message;
  ASSERT_EQ(found->items.size(), 1U);
  EXPECT_EQ(found->items[0]["message"], "three to five");
  EXPECT_EQ(found->items[0]["reportingComponent"], "natrix.dev/operator");
}

}  // namespace natrix::testing
