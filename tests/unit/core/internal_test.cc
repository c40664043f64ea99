// What the server subscribes to itself: handled at the end of the turn, never after closing.
#include "broker/core/internal.h"

#include <gmock/gmock.h>

#include "tests/unit/core/router_fixture.h"

namespace natrix::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class InternalTest : public RouterTest {
 protected:
  InternalTest() {
    on(0, [this] { inbox_ = std::make_unique<InternalInbox>(*routers_[0]); });
  }
  ~InternalTest() override {
    on(0, [this] {
      handles_.clear();
      inbox_.reset();
    });
  }
  // In a turn of shard 0.
  InternalHandle listen(std::string_view pattern, InternalSubscription::Handler handler) {
    return inbox_->subscribe(accounts.global(), pattern, {}, std::move(handler));
  }
  void keep(std::string_view pattern) {
    on(0, [&] {
      handles_.push_back(listen(pattern, [this](const Message& message) {
        heard_.push_back(std::string(message.subject()) + " " + std::string(message.payload()));
      }));
    });
  }
  std::vector<std::string> heard() {
    std::vector<std::string> all;
    on(0, [&] { all = heard_; });
    return all;
  }

  std::unique_ptr<InternalInbox> inbox_;
  std::vector<InternalHandle> handles_;
  std::vector<std::string> heard_;
};

TEST_F(InternalTest, HearsMessagesOfAllShardsInTheirOrder) {
  keep("a.*");
  EXPECT_EQ(publish("a.b", "1").deliveries, 1U);
  publish("a.c", "2", 1);
  publish("b", "3");
  EXPECT_TRUE(eventually([&] { return heard().size() == 2; }));
  EXPECT_THAT(heard(), ElementsAre("a.b 1", "a.c 2"));
}

// The bytes of a message may be gone by the time it is handled unless the inbox keeps them.
TEST_F(InternalTest, HandlesAtTheEndOfTheTurnWithBytesOfItsOwn) {
  keep("a");
  on(0, [&] {
    std::string payload = "first";
    publish_here(0, "a", payload);
    payload = "XXXXX";
    EXPECT_THAT(heard_, IsEmpty());
    publish_here(0, "a", "second");
  });
  EXPECT_THAT(heard(), ElementsAre("a first", "a second"));
}

TEST_F(InternalTest, AHandlerMayPublishAndTheAnswerIsHandledInTheSameTurn) {
  keep("answer");
  on(0, [&] {
    handles_.push_back(listen("ask", [this](const Message& message) {
      publish_here(0, "answer", std::string(message.payload()) + "!");
    }));
  });
  on(0, [&] { publish_here(0, "ask", "hello"); });
  EXPECT_THAT(heard(), ElementsAre("answer hello!"));
}

TEST_F(InternalTest, NothingIsHandledAfterClosing) {
  keep("a");
  on(0, [&] {
    publish_here(0, "a", "too late");
    handles_.clear();
  });
  EXPECT_EQ(publish("a").deliveries, 0U);
  EXPECT_THAT(heard(), IsEmpty());
}

TEST_F(InternalTest, AHandlerMayCloseItselfAndOthers) {
  int count = 0;
  on(0, [&] {
    for (int i = 0; i < 2; ++i) {
      handles_.push_back(listen("a", [&](const Message&) {
        ++count;
        handles_.clear();
      }));
    }
  });
  publish("a");
  on(0, [&] { EXPECT_EQ(count, 1); });
}

// Two that answer each other for ever: the shard must still serve others, and what waits for the
// next round must not refer to a subscription that was closed and freed in between.
TEST_F(InternalTest, ACircleDoesNotStopTheShard) {
  int rounds = 0;
  on(0, [&] {
    handles_.push_back(listen("ping", [&](const Message&) {
      ++rounds;
      publish_here(0, "pong", "x");
    }));
    handles_.push_back(listen("pong", [&](const Message&) { publish_here(0, "ping", "x"); }));
    publish_here(0, "ping", "x");
  });
  EXPECT_TRUE(eventually([&] {
    int seen = 0;
    on(0, [&] { seen = rounds; });
    return seen > 1000;
  }));
  on(0, [&] { handles_.clear(); });
  int at_end = 0;
  on(0, [&] { at_end = rounds; });
  on(0, [&] { EXPECT_EQ(rounds, at_end); });
}

class Counting final : public TurnTask {
 public:
  void run() override { ++runs; }
  int runs = 0;
};

TEST_F(InternalTest, ATaskRunsOncePerTurnHoweverOftenItIsAskedFor) {
  Counting task;
  on(0, [&] {
    routers_[0]->at_turn_end(task);
    routers_[0]->at_turn_end(task);
    EXPECT_EQ(task.runs, 0);
  });
  on(0, [&] { EXPECT_EQ(task.runs, 1); });
  on(0, [&] {
    routers_[0]->at_turn_end(task);
    routers_[0]->forget(task);
  });
  on(0, [&] { EXPECT_EQ(task.runs, 1); });
}

// Receivers are found by another subject than the one they see.
TEST_F(InternalTest, PublishesToASubjectWhatSaysAnother) {
  Inbox inbox;
  subscribe(inbox, "inbox.1", {}, 1);
  on(0, [&] {
    Message message;
    std::string_view subject = "orders.new";
    message.subject_data = subject.data();
    message.subject_size = static_cast<uint32_t>(subject.size());
    std::string_view body = "x\r\n";
    message.body = body.data();
    message.total_size = 1;
    message.account = &accounts.global();
    EXPECT_EQ(routers_[0]->publish_to("inbox.1", {}, message).deliveries, 1U);
  });
  EXPECT_TRUE(eventually([&] { return inbox.count() == 1; }));
  EXPECT_THAT(inbox.messages(), ElementsAre("orders.new x"));
}

}  // namespace
}  // namespace natrix::core
