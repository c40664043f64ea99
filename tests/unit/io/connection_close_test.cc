// Every way for a connection to end: once, with the right reason, and with its memory given back.
#include <gmock/gmock.h>

#include "tests/unit/io/connection_fixture.h"

namespace natrix::io {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

class ConnectionCloseTest : public ConnectionTest {
 protected:
  void expect_closed(CloseReason reason) {
    ASSERT_TRUE(eventually([&] { return !connection->closed().empty(); }));
    EXPECT_THAT(connection->closed(), ElementsAre(reason));
    EXPECT_TRUE(destroyed());
  }
};

TEST_F(ConnectionCloseTest, ThePeerHangsUp) {
  connect();
  peer.close();
  expect_closed(CloseReason::kClientClosed);
}

TEST_F(ConnectionCloseTest, ThePeerHangsUpInTheMiddleOfAnOperation) {
  connect();
  ASSERT_TRUE(peer.send(operation(std::string(500'000, 'x')).substr(0, 300'000)));
  peer.close();
  expect_closed(CloseReason::kClientClosed);
}

TEST_F(ConnectionCloseTest, WritingToAPeerThatIsGone) {
  connect({},
          [](TestConnection& c) { c.pause_reading(); });  // so that reading does not notice first
  peer.close();
  on_shard([&] { connection->write("anybody there?"); });
  expect_closed(CloseReason::kWriteError);
}

TEST_F(ConnectionCloseTest, CloseSendsWhatIsQueued) {
  connect();
  on_shard([&] {
    connection->write("last words");
    connection->close(CloseReason::kServerShutdown);
    connection->close(CloseReason::kKicked);
  });
  std::string got;
  EXPECT_EQ(peer.read_all(got), SocketPeer::Read::kEnd);
  EXPECT_EQ(got, "last words");
  expect_closed(CloseReason::kServerShutdown);
}

// The bytes stay readable to the end of on_data() whatever it does to its connection: a router may
// still be handing the message to others.
TEST_F(ConnectionCloseTest, ClosingInsideOnDataLeavesTheBytesAlone) {
  for (size_t size : {size_t{10}, size_t{300'000}}) {
    std::string expected(size, 'm'), seen;
    connect({}, [&](TestConnection& c) {
      c.on_operation = [&](TestConnection& self, std::string_view payload, SharedBytes&) {
        self.close(CloseReason::kKicked);
        seen = payload;
      };
    });
    ASSERT_TRUE(peer.send(operation(expected) + operation("not any more")));
    expect_closed(CloseReason::kKicked);
    EXPECT_TRUE(seen == expected) << size;
  }
}

TEST_F(ConnectionCloseTest, ClosingInsideTheTimer) {
  connect({}, [](TestConnection& c) {
    c.on_wake = [](TestConnection& self) { self.close(CloseReason::kStaleConnection); };
    c.wake_at(Clock::now());
  });
  expect_closed(CloseReason::kStaleConnection);
}

TEST_F(ConnectionCloseTest, ClosingWhileWritingIsBlocked) {
  connect();
  on_shard([&] { connection->write(std::string(8 << 20, 'x')); });
  on_shard([&] { connection->close(CloseReason::kKicked); });
  expect_closed(CloseReason::kKicked);
}

TEST_F(ConnectionCloseTest, ClosingWhilePausedAndStalled) {
  connect();
  on_shard([&] {
    connection->pause_reading();
    connection->stall_reading(std::chrono::hours(1));
    connection->close(CloseReason::kKicked);
    connection->resume_reading();
  });
  expect_closed(CloseReason::kKicked);
}

// An error must reach a peer that is in the middle of sending: closing with unread input would
// reset the connection and throw the error away.
TEST_F(ConnectionCloseTest, LingeringLetsThePeerReadTheError) {
  connect({}, [](TestConnection& c) {
    c.on_operation = [](TestConnection& self, std::string_view, SharedBytes&) {
      self.write("-ERR 'no'\r\n");
      self.close_after_flush(CloseReason::kProtocolViolation);
    };
  });
  std::string flood = operation("bad");
  for (int i = 0; i < 10000; ++i) flood += operation("more");
  ASSERT_TRUE(peer.send(flood));
  std::string got;
  EXPECT_EQ(peer.read_all(got), SocketPeer::Read::kEnd);
  EXPECT_EQ(got, "-ERR 'no'\r\n");
  EXPECT_EQ(connection->operations().size(), 1U) << "what follows is thrown away";
  peer.close();
  expect_closed(CloseReason::kProtocolViolation);
}

TEST_F(ConnectionCloseTest, LingeringSendsAllThatIsQueued) {
  connect();
  std::string expected(6 << 20, 'q'), got;
  on_shard([&] {
    connection->write(expected);
    connection->close_after_flush(CloseReason::kKicked);
    connection->write("too late");
  });
  EXPECT_EQ(peer.read_all(got), SocketPeer::Read::kEnd);
  EXPECT_TRUE(got == expected);
  peer.close();
  expect_closed(CloseReason::kKicked);
}

TEST_F(ConnectionCloseTest, LingeringIsBounded) {
  connect();
  auto started = Clock::now();
  on_shard([&] { connection->close_after_flush(CloseReason::kKicked); });
  expect_closed(CloseReason::kKicked);  // although the peer never hangs up
  EXPECT_GE(Clock::now() - started, milliseconds(400));
  EXPECT_LT(Clock::now() - started, tests::kPatience);
}

TEST_F(ConnectionCloseTest, LingeringEndsWhenThePeerHangsUp) {
  connect();
  on_shard([&] { connection->close_after_flush(CloseReason::kKicked); });
  peer.close();
  expect_closed(CloseReason::kKicked);
}

// A timer that was due in the same moment belongs to the life before and must not cut the end
// short.
TEST_F(ConnectionCloseTest, AnOldTimerDoesNotEndTheLingering) {
  connect({}, [](TestConnection& c) {
    c.on_operation = [](TestConnection& self, std::string_view, SharedBytes&) {
      self.write("bye");
      self.close_after_flush(CloseReason::kKicked);
    };
  });
  on_shard([&] { connection->wake_at(Clock::now() + milliseconds(5)); });
  shard.post([] { std::this_thread::sleep_for(milliseconds(50)); });
  ASSERT_TRUE(peer.send(operation("x")));  // both find the shard busy and come in one round
  ASSERT_TRUE(eventually([&] { return !connection->closed().empty(); }));
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_TRUE(peer.send("still there?")) << "the socket was closed early";
  std::string got;
  EXPECT_EQ(peer.read_all(got), SocketPeer::Read::kEnd);
  EXPECT_EQ(got, "bye");
}

TEST_F(ConnectionCloseTest, AShardStopsWithConnectionsInEveryState) {
  std::vector<SocketPeer> peers;
  std::vector<std::weak_ptr<TestConnection>> all;
  auto add = [&](const std::function<void(TestConnection&)>& then) {
    connect();
    on_shard([&] { then(*connection); });
    all.push_back(connection);
    on_shard([&] { connection.reset(); });
    peers.push_back(std::move(peer));
  };
  add([](TestConnection&) {});
  add([](TestConnection& c) { c.pause_reading(); });
  add([](TestConnection& c) { c.write(std::string(8 << 20, 'x')); });
  add([](TestConnection& c) { c.close_after_flush(CloseReason::kKicked); });
  add([](TestConnection& c) { c.close(CloseReason::kKicked); });
  add([](TestConnection& c) { c.wake_at(Clock::now() + std::chrono::hours(1)); });
  shard.stop();
}

}  // namespace
}  // namespace natrix::io
