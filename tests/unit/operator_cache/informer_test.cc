#include "operator/cache/informer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "operator/kube/cancellation.h"
#include "operator/kube/resources.h"
#include "tests/support/fake_clock.h"
#include "tests/support/refusing_api.h"

namespace natrix::cache {
namespace {

using namespace std::chrono_literals;
using kube::ApiError;
using kube::Errc;
using kube::Json;
using kube::WatchEventType;
using testing::ElementsAre;
using testing::IsEmpty;

Json object(const std::string& name, int version, int replicas = 1) {
  return {{"metadata",
           {{"namespace", "shop"},
            {"name", name},
            {"uid", "uid-" + name},
            {"resourceVersion", std::to_string(version)}}},
          {"spec", {{"replicas", replicas}}}};
}

// LIST answers come from a script; a WATCH delivers what the test feeds until told how to end.
class ScriptedApi final : public tests::RefusingApi {
 public:
  kube::ApiResult<kube::ObjectList> list(const kube::ResourceType&,
                                         const kube::ListOptions&) override {
    std::lock_guard lock(mutex_);
    ++lists;
    changed_.notify_all();
    if (lists_.empty()) return fail_with(ApiError{.code = Errc::kConnection, .message = "refused"});
    auto next = lists_.front();
    if (lists_.size() > 1) lists_.pop_front();
    return next;
  }

  kube::ApiResult<void> watch(const kube::ResourceType&, const kube::WatchOptions& options,
                              const std::function<void(kube::WatchEvent)>& on_event,
                              const std::shared_ptr<kube::CancelToken>& cancel) override {
    auto token = std::dynamic_pointer_cast<kube::Cancellation>(cancel);
    kube::Cancellation::Registration wake(*token, [this] { poke(); });
    std::unique_lock lock(mutex_);
    watched_from.push_back(options.resource_version);
    changed_.notify_all();
    while (true) {
      changed_.wait(lock, [&] { return cancelled_ || !steps_.empty(); });
      if (cancelled_) return fail_with(ApiError{.code = Errc::kCancelled});
      Step step = std::move(steps_.front());
      steps_.pop_front();
      if (!step.event) return step.end;
      lock.unlock();
      on_event(std::move(*step.event));
      lock.lock();
    }
  }
  std::shared_ptr<kube::CancelToken> make_cancel_token() override {
    return std::make_shared<kube::Cancellation>();
  }

  void on_list(kube::ApiResult<kube::ObjectList> answer) {
    std::lock_guard lock(mutex_);
    lists_.push_back(std::move(answer));
  }
  void send(WatchEventType type, Json document) {
    std::lock_guard lock(mutex_);
    steps_.push_back({kube::WatchEvent{type, std::move(document)}, {}});
    changed_.notify_all();
  }
  void end_watch(kube::ApiResult<void> how) {
    std::lock_guard lock(mutex_);
    steps_.push_back({std::nullopt, std::move(how)});
    changed_.notify_all();
  }
  bool wait_watches(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 5s, [&] { return watched_from.size() >= count; });
  }
  bool wait_lists(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 5s, [&] { return lists >= count; });
  }
  std::vector<std::string> watches() {
    std::lock_guard lock(mutex_);
    return watched_from;
  }
  int list_count() {
    std::lock_guard lock(mutex_);
    return lists;
  }

 private:
  struct Step {
    std::optional<kube::WatchEvent> event;
    kube::ApiResult<void> end;
  };
  void poke() {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<kube::ApiResult<kube::ObjectList>> lists_;
  std::deque<Step> steps_;
  std::vector<std::string> watched_from;
  int lists = 0;
  bool cancelled_ = false;
};

kube::ObjectList list_of(std::vector<Json> items, const std::string& version) {
  return {std::move(items), version};
}

class InformerTest : public testing::Test {
 protected:
  void start() {
    InformerOptions options{.type = kube::kServices, .projection = project_spec};
    options.backoff = {.initial = 1s, .max = 8s, .factor = 2, .jitter = 0};
    options.relist_spread = 4s;
    options.random = [] { return 0.5; };
    informer_ = std::make_unique<Informer>(api_, options, clock_, log_, [this](const Change& c) {
      std::lock_guard lock(mutex_);
      const char* what = !c.before ? "+" : !c.after ? "-" : "~";
      seen_.push_back(what + c.key.name);
      changed_.notify_all();
    });
    informer_->start();
  }
  std::vector<std::string> wait_seen(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 5s, [&] { return seen_.size() >= count; });
    return seen_;
  }

  tests::FakeClock clock_;
  ops::Log log_{[](std::string_view) {}};
  ScriptedApi api_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> seen_;
  std::unique_ptr<Informer> informer_;  // last: its thread uses all of the above
};

TEST_F(InformerTest, ListsThenFollowsTheStream) {
  api_.on_list(list_of({object("a", 1), object("b", 2)}, "10"));
  start();
  ASSERT_TRUE(api_.wait_watches(1));
  EXPECT_TRUE(informer_->synced());
  EXPECT_THAT(api_.watches(), ElementsAre("10"));
  api_.send(WatchEventType::kModified, object("a", 11, 3));
  api_.send(WatchEventType::kAdded, object("c", 12));
  api_.send(WatchEventType::kDeleted, object("b", 13));
  EXPECT_THAT(wait_seen(5), ElementsAre("+a", "+b", "~a", "+c", "-b"));
  EXPECT_EQ(informer_->size(), 2u);
  EXPECT_FALSE(informer_->find({"shop", "b"}).has_value());
}

TEST_F(InformerTest, ResumesFromTheLastVersionIncludingBookmarks) {
  api_.on_list(list_of({}, "10"));
  start();
  ASSERT_TRUE(api_.wait_watches(1));
  api_.send(WatchEventType::kAdded, object("a", 11));
  api_.end_watch({});
  ASSERT_TRUE(api_.wait_watches(2));
  api_.send(WatchEventType::kBookmark, {{"metadata", {{"resourceVersion", "99"}}}});
  api_.end_watch({});
  ASSERT_TRUE(api_.wait_watches(3));
  EXPECT_THAT(api_.watches(), ElementsAre("10", "11", "99"));
  EXPECT_EQ(api_.list_count(), 1) << "an ended stream is no reason to list";
  EXPECT_THAT(wait_seen(1), ElementsAre("+a"));
}

TEST_F(InformerTest, CutStreamIsResumedAfterABackoff) {
  api_.on_list(list_of({}, "10"));
  start();
  ASSERT_TRUE(api_.wait_watches(1));
  api_.end_watch(fail_with(ApiError{.code = Errc::kConnection, .message = "reset"}));
  ASSERT_TRUE(clock_.wait_for_sleepers(1));
  EXPECT_EQ(clock_.next_deadline() - clock_.now(), 1s);
  clock_.advance(1s);
  ASSERT_TRUE(api_.wait_watches(2));
  EXPECT_EQ(api_.list_count(), 1);
}

TEST_F(InformerTest, GoneListsAgainAfterASpreadAndReportsTheDifference) {
  api_.on_list(list_of({object("a", 1), object("b", 2)}, "10"));
  api_.on_list(list_of({object("b", 20, 5), object("c", 21)}, "30"));
  start();
  ASSERT_TRUE(api_.wait_watches(1));
  api_.end_watch(fail_with(ApiError{.code = Errc::kGone, .message = "too old"}));
  ASSERT_TRUE(clock_.wait_for_sleepers(1));
  EXPECT_EQ(clock_.next_deadline() - clock_.now(), 2s) << "half of the spread";
  EXPECT_TRUE(informer_->synced()) << "the old contents serve meanwhile";
  clock_.advance(2s);
  ASSERT_TRUE(api_.wait_watches(2));
  EXPECT_THAT(api_.watches(), ElementsAre("10", "30"));
  EXPECT_THAT(wait_seen(5), ElementsAre("+a", "+b", "~b", "+c", "-a"));
}

TEST_F(InformerTest, FailingListBacksOffAndHonoursRetryAfter) {
  api_.on_list(fail_with(ApiError{.code = Errc::kConnection, .message = "refused"}));
  api_.on_list(fail_with(ApiError{
      .code = Errc::kTooManyRequests, .message = "busy", .retry_after = std::chrono::seconds(60)}));
  api_.on_list(list_of({}, "10"));
  start();
  ASSERT_TRUE(clock_.wait_for_sleepers(1));
  EXPECT_EQ(clock_.next_deadline() - clock_.now(), 1s);
  EXPECT_FALSE(informer_->synced());
  clock_.advance(1s);
  ASSERT_TRUE(api_.wait_lists(2));
  ASSERT_TRUE(clock_.wait_for_sleepers(1));
  EXPECT_EQ(clock_.next_deadline() - clock_.now(), 60s);
  clock_.advance(60s);
  ASSERT_TRUE(api_.wait_watches(1));
  EXPECT_TRUE(informer_->synced());
}

TEST_F(InformerTest, StubbornWatchFailureLeadsToAList) {
  api_.on_list(list_of({}, "10"));
  start();
  for (size_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(api_.wait_watches(i));
    api_.end_watch(fail_with(ApiError{.code = Errc::kServer, .message = "broken"}));
    ASSERT_TRUE(clock_.wait_for_sleepers(1));
    clock_.advance(8s);
  }
  ASSERT_TRUE(api_.wait_lists(2));
}

TEST_F(InformerTest, ServerThatEndsEveryStreamAtOnceIsNotHammered) {
  api_.on_list(list_of({}, "10"));
  start();
  ASSERT_TRUE(api_.wait_watches(1));
  api_.end_watch({});
  ASSERT_TRUE(clock_.wait_for_sleepers(1));
  EXPECT_EQ(clock_.next_deadline() - clock_.now(), 1s);
  clock_.advance(1s);
  ASSERT_TRUE(api_.wait_watches(2));
  api_.end_watch({});
  ASSERT_TRUE(clock_.wait_for_sleepers(1));
  EXPECT_EQ(clock_.next_deadline() - clock_.now(), 2s);
}

TEST_F(InformerTest, UninterestingEventsAreNotReported) {
  api_.on_list(list_of({object("a", 1)}, "10"));
  start();
  ASSERT_TRUE(api_.wait_watches(1));
  Json status_only = object("a", 11);
  status_only["status"] = {{"ready", 1}};
  api_.send(WatchEventType::kModified, status_only);
  api_.send(WatchEventType::kAdded, object("b", 12));
  EXPECT_THAT(wait_seen(2), ElementsAre("+a", "+b"));
  EXPECT_EQ(informer_->find({"shop", "a"})->resource_version, "11");
}

TEST_F(InformerTest, StopsInEveryState) {
  start();  // the list fails for ever
  ASSERT_TRUE(clock_.wait_for_sleepers(1));
  informer_->stop();
  EXPECT_FALSE(informer_->wait_synced(ops::Time::max()));
  EXPECT_THAT(seen_, IsEmpty());

  api_.on_list(list_of({}, "10"));
  start();  // in the middle of a silent watch
  ASSERT_TRUE(api_.wait_watches(1));
  informer_->stop();
}

TEST_F(InformerTest, WaitSyncedReturnsAtItsDeadline) {
  start();
  ASSERT_TRUE(clock_.wait_for_sleepers(1));
  bool synced = true;
  std::thread waiter([&] { synced = informer_->wait_synced(clock_.now() + 500ms); });
  ASSERT_TRUE(clock_.wait_for_sleepers(2));
  clock_.advance(500ms);
  waiter.join();
  EXPECT_FALSE(synced);
}

}  // namespace
}  // namespace natrix::cache
