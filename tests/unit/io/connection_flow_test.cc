// Writing: gathering, back-pressure, the two kinds of slow consumer, timers.
#include <gmock/gmock.h>

#include "tests/unit/io/connection_fixture.h"

namespace natrix::io {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ConnectionFlowTest : public ConnectionTest {
 protected:
  bool has_closed() {
    return eventually([&] { return !connection->closed().empty(); });
  }
};

TEST_F(ConnectionFlowTest, WritesArriveInOrder) {
  connect();
  std::string expected, got;
  on_shard([&] {
    for (int i = 0; i < 50000; ++i) {
      std::string line = "line " + std::to_string(i) + "\n";
      connection->write(line);
      expected += line;
    }
    EXPECT_EQ(connection->pending_bytes(), expected.size())
        << "nothing is sent before the turn ends";
  });
  while (got.size() < expected.size() && peer.read(got) == SocketPeer::Read::kData) {
  }
  EXPECT_TRUE(got == expected);
  on_shard([&] { EXPECT_EQ(connection->pending_bytes(), 0U); });
}

TEST_F(ConnectionFlowTest, SharedAndCopiedBytesKeepTheirOrder) {
  connect();
  std::string expected, got;
  BytesRef block;
  on_shard([&] {
    block = BytesRef::adopt(SharedBytes::allocate(100'000));
    std::memset(block->data(), 's', 100'000);
    for (int i = 0; i < 30; ++i) {
      std::string small = "small " + std::to_string(i) + "|";
      connection->write(small);
      connection->queue().append_shared(block.get(), {block->data(), 100'000});
      connection->queued();
      expected += small + std::string(100'000, 's');
    }
  });
  while (got.size() < expected.size() && peer.read(got) == SocketPeer::Read::kData) {
  }
  EXPECT_TRUE(got == expected);
  on_shard([&] {
    EXPECT_TRUE(block->unshared()) << "what was sent is let go";
    block = BytesRef();
  });
}

TEST_F(ConnectionFlowTest, TooManyPendingBytesCloseASlowConsumer) {
  connect({.max_pending_bytes = 2 << 20});
  on_shard([&] {
    std::string chunk(64 * 1024, 'x');
    for (int i = 0; i < 32; ++i) connection->write(chunk);
    EXPECT_TRUE(connection->open()) << "exactly the limit";
    connection->write("x");
    EXPECT_FALSE(connection->open());
    connection->write("ignored");
    EXPECT_EQ(connection->pending_bytes(), 0U);
  });
  EXPECT_THAT(connection->closed(), ElementsAre(CloseReason::kSlowConsumerPendingBytes));
  std::string got;
  EXPECT_NE(peer.read_all(got), SocketPeer::Read::kTimeout);
  EXPECT_TRUE(destroyed());
}

TEST_F(ConnectionFlowTest, AReaderThatKeepsUpIsNotSlow) {
  connect({.max_pending_bytes = 1 << 20});
  std::string chunk(64 * 1024, 'y'), got;
  for (int i = 0; i < 100; ++i) {
    on_shard([&] { connection->write(chunk); });
    size_t want = chunk.size() * static_cast<size_t>(i + 1);
    while (got.size() < want) ASSERT_EQ(peer.read(got), SocketPeer::Read::kData);
  }
  EXPECT_THAT(connection->closed(), IsEmpty());
}

TEST_F(ConnectionFlowTest, TheWriteDeadlineClosesAPeerThatTakesNothing) {
  connect({.write_deadline = milliseconds(150)});
  auto started = Clock::now();
  on_shard([&] { connection->write(std::string(8 << 20, 'x')); });
  ASSERT_TRUE(has_closed());
  EXPECT_GE(Clock::now() - started, milliseconds(150));
  EXPECT_THAT(connection->closed(), ElementsAre(CloseReason::kSlowConsumerWriteDeadline));
  EXPECT_TRUE(destroyed());
}

// The deadline is for getting anything out, not for getting everything out.
TEST_F(ConnectionFlowTest, APeerThatReadsSlowlyIsNotClosed) {
  connect({.write_deadline = milliseconds(400)});
  constexpr size_t kSize = 4 << 20;
  on_shard([&] { connection->write(std::string(kSize, 'x')); });
  auto started = Clock::now();
  std::string got;
  while (got.size() < kSize) {
    size_t before = got.size();
    while (got.size() < before + (kSize / 16) && got.size() < kSize) {
      ASSERT_EQ(peer.read(got), SocketPeer::Read::kData);
    }
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_GT(Clock::now() - started, milliseconds(400));
  EXPECT_THAT(connection->closed(), IsEmpty());
}

TEST_F(ConnectionFlowTest, TimersFireInOrderOfTimeNotOfAsking) {
  std::atomic<int> fired{0};
  connect({}, [&](TestConnection& c) { c.on_wake = [&](TestConnection&) { ++fired; }; });
  auto started = Clock::now();
  on_shard([&] {
    connection->wake_at(started + std::chrono::hours(1));
    connection->wake_at(started + milliseconds(30));
    connection->wake_at(started + std::chrono::hours(2));
  });
  ASSERT_TRUE(eventually([&] { return fired == 1; }));
  EXPECT_GE(Clock::now() - started, milliseconds(30));
  std::this_thread::sleep_for(milliseconds(30));
  EXPECT_EQ(fired, 1) << "once; the later wish was replaced by the earlier";
}

TEST_F(ConnectionFlowTest, TheTimerMayAskAgain) {
  std::atomic<int> fired{0};
  connect({}, [&](TestConnection& c) {
    c.on_wake = [&](TestConnection& self) {
      if (++fired < 5) self.wake_at(Clock::now() + milliseconds(2));
    };
    c.wake_at(Clock::now() + milliseconds(2));
  });
  EXPECT_TRUE(eventually([&] { return fired == 5; }));
}

// A stall and a wake-up share one timer: neither may delay or swallow the other.
TEST_F(ConnectionFlowTest, StallsAndTimersDoNotDisturbEachOther) {
  std::atomic<int> fired{0};
  connect({}, [&](TestConnection& c) {
    c.on_wake = [&](TestConnection& self) {
      ++fired;
      self.wake_at(Clock::now() + milliseconds(3));
    };
    c.on_operation = [](TestConnection& self, std::string_view, SharedBytes&) {
      self.stall_reading(milliseconds(2));
    };
    c.wake_at(Clock::now() + milliseconds(3));
  });
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(peer.send(operation("x")));
    ASSERT_TRUE(eventually([&] { return connection->operations().size() == size_t(i) + 1; }));
  }
  EXPECT_TRUE(eventually([&] { return fired >= 10; }));
}

}  // namespace
}  // namespace natrix::io
