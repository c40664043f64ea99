#include "broker/io/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <mutex>

#include "tests/support/socket_peer.h"

namespace natrix::io {
namespace {

using tests::eventually;

class Note final : public Mail {
 public:
  explicit Note(std::function<void(Shard&)> f) : f_(std::move(f)) {}
  void open(Shard& shard) override { f_(shard); }

 private:
  std::function<void(Shard&)> f_;
};

std::unique_ptr<Mail> note(std::function<void(Shard&)> f) {
  return std::make_unique<Note>(std::move(f));
}

void on(Shard& shard, const std::function<void()>& f) {
  std::promise<void> done;
  shard.post([&] {
    f();
    done.set_value();
  });
  done.get_future().wait();
}

class ShardTest : public ::testing::Test {
 protected:
  ShardTest() {
    a.start();
    b.start();
  }
  ~ShardTest() override {
    a.stop();
    b.stop();
    a.discard_mail();
    b.discard_mail();
  }
  EpochDomain epochs;
  Shard a{0, epochs}, b{1, epochs};
};

TEST_F(ShardTest, PostsRunInOrderOnTheShard) {
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) {
    a.post([&order, i, this] {
      EXPECT_EQ(Shard::current(), &a);
      order.push_back(i);
    });
  }
  on(a, [] {});
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(Shard::current(), nullptr);
}

// Small mail may be run by its sender; whoever runs it, one sender's mail is opened in order, one
// at a time, and Shard::current() names the shard it is for.
TEST_F(ShardTest, MailOfOneSenderIsOpenedInOrder) {
  constexpr int kMails = 20000;
  std::vector<int> from_a, from_main;
  std::atomic<int> at_once{0}, wrong{0}, opened{0};
  auto open = [&](std::vector<int>& into, int i) {
    return note([&, i](Shard& shard) {
      wrong += at_once.fetch_add(1) != 0;
      wrong += Shard::current() != &b || &shard != &b;
      into.push_back(i);
      at_once.fetch_sub(1);
      ++opened;
    });
  };
  a.post([&] {
    for (int i = 0; i < kMails; ++i) b.send(open(from_a, i), i % 3 == 0);
  });
  for (int i = 0; i < kMails; ++i) b.send(open(from_main, i), i % 2 == 0);
  ASSERT_TRUE(eventually([&] { return opened == 2 * kMails; }));
  on(b, [&] {
    EXPECT_TRUE(std::is_sorted(from_a.begin(), from_a.end()));
    EXPECT_TRUE(std::is_sorted(from_main.begin(), from_main.end()));
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(b.backlog(), 0U);
}

// Mail that answers mail, both ways and all small: nobody waits for the other for ever.
TEST_F(ShardTest, MailThatSendsMailDoesNotDeadlock) {
  std::atomic<int> left{20000};
  std::function<void(Shard&)> bounce = [&](Shard& here) {
    if (left.fetch_sub(1) <= 0) return;
    Shard& other = &here == &a ? b : a;
    other.send(note(bounce), true);
  };
  for (int i = 0; i < 8; ++i) {
    a.post([&] { b.send(note(bounce), true); });
    b.post([&] { a.send(note(bounce), true); });
  }
  ASSERT_TRUE(eventually([&] { return left <= 0; }));
  on(a, [] {});
  on(b, [] {});
}

TEST_F(ShardTest, RetiredObjectsWaitForTurnsEverywhere) {
  auto alive = std::make_shared<int>(0);
  std::promise<void> in_turn, leave;
  b.post([&] {
    Turn turn(b);
    in_turn.set_value();
    leave.get_future().wait();
  });
  in_turn.get_future().wait();
  on(a, [&] { a.retire(new std::shared_ptr<int>(alive)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(alive.use_count(), 2) << "a turn that began before is still under way";
  leave.set_value();
  EXPECT_TRUE(eventually([&] { return alive.use_count() == 1; }));
}

// A message under way refers to its receiver: mail sent before an object was retired is opened
// before the object goes, even if the shard is slow to open it.
TEST_F(ShardTest, MailIsOpenedBeforeWhatItRefersToIsFreed) {
  struct Receiver {
    int magic = 4711;
    ~Receiver() { magic = 0; }
  };
  std::atomic<int> wrong{0}, opened{0};
  for (int round = 0; round < 300; ++round) {
    auto* receiver = new Receiver;
    on(a, [&] {
      Turn turn(a);  // finds the receiver, and sends before the turn ends
      b.post([&, receiver] { b.retire(receiver); });
      std::this_thread::sleep_for(std::chrono::microseconds(round % 3 * 200));
      b.send(note([&, receiver](Shard&) {
               wrong += receiver->magic != 4711;
               ++opened;
             }),
             round % 2 == 0);
    });
  }
  EXPECT_TRUE(eventually([&] { return opened == 300; }));
  EXPECT_EQ(wrong, 0);
}

TEST_F(ShardTest, TurnsNestAndTheHookRunsOnce) {
  struct Hook final : TurnHook {
    void end_turn() override { ++ended; }
    int ended = 0;
  } hook;
  on(a, [&] {
    a.set_turn_hook(&hook);
    {
      Turn outer(a);
      { Turn inner(a); }
      EXPECT_EQ(hook.ended, 0);
    }
    EXPECT_EQ(hook.ended, 1);
    a.set_turn_hook(nullptr);
  });
}

TEST_F(ShardTest, AReferencedReadChunkIsReplaced) {
  on(a, [&] {
    SharedBytes* first = a.read_chunk();
    EXPECT_EQ(a.read_chunk(), first);
    BytesRef held = BytesRef::share(first);
    SharedBytes* second = a.read_chunk();
    EXPECT_NE(second, first);
    held = BytesRef();
    EXPECT_EQ(a.read_chunk(), second);
  });
}

// What never got opened is freed, with the bytes of another shard's pool in it.
TEST_F(ShardTest, StoppedShardsDiscardTheirMail) {
  auto alive = std::make_shared<int>(0);
  b.stop();
  on(a, [&] {
    BytesRef chunk = BytesRef::share(a.read_chunk());
    b.send(note([alive, chunk](Shard&) { FAIL() << "the shard has stopped"; }), false);
  });
  EXPECT_EQ(alive.use_count(), 2);
  a.stop();
  b.discard_mail();
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(b.backlog(), 0U);
}

TEST_F(ShardTest, StopsUnderLoad) {
  std::atomic<bool> stop{false};
  auto sender = [&] {
    while (!stop) {
      a.send(note([](Shard&) {}), true);
      b.post([this] { a.send(note([](Shard&) {}), true); });
      if (b.backlog() + a.backlog() > 1000) std::this_thread::yield();
    }
  };
  std::thread one(sender), two(sender);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  a.stop();
  b.stop();
  stop = true;
  one.join();
  two.join();
}

}  // namespace
}  // namespace natrix::io
