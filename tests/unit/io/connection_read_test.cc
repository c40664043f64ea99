#include <gmock/gmock.h>

#include "tests/unit/io/connection_fixture.h"

namespace natrix::io {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ConnectionReadTest : public ConnectionTest {
 protected:
  bool has(size_t count) {
    return eventually([&] { return connection->count() == count; });
  }
};

std::string bytes(size_t size, char seed) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(seed + i * 31);
  return text;
}

TEST_F(ConnectionReadTest, OneByteAtATime) {
  connect();
  for (char c : operation("one") + operation("") + operation("three")) {
    ASSERT_TRUE(peer.send({&c, 1}));
    if (c == 'o') std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ASSERT_TRUE(has(3));
  EXPECT_THAT(connection->operations(), ElementsAre("one", "", "three"));
}

TEST_F(ConnectionReadTest, ManyAtOnceWithARest) {
  connect();
  std::string stream;
  for (int i = 0; i < 20000; ++i) stream += operation(std::to_string(i));
  size_t cut = stream.size() - 3;
  ASSERT_TRUE(peer.send(stream.substr(0, cut)));
  ASSERT_TRUE(has(19999));
  ASSERT_TRUE(peer.send(stream.substr(cut)));
  ASSERT_TRUE(has(20000));
  std::vector<std::string> got = connection->operations();
  for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], std::to_string(i));
}

// Around the size of a read chunk, where an operation moves into a block of its own.
TEST_F(ConnectionReadTest, EverySizeAroundTheReadChunk) {
  connect();
  std::vector<std::string> sent;
  for (size_t size :
       {BufferPool::kReadChunk - 20, BufferPool::kReadChunk - 9, BufferPool::kReadChunk - 8,
        BufferPool::kReadChunk - 7, BufferPool::kReadChunk, BufferPool::kReadChunk + 1,
        2 * BufferPool::kReadChunk, size_t{1}, size_t{5'000'000}}) {
    sent.push_back(bytes(size, static_cast<char>(size)));
    ASSERT_TRUE(peer.send(operation(sent.back()) + operation("x")));
    sent.emplace_back("x");
  }
  ASSERT_TRUE(has(sent.size()));
  EXPECT_TRUE(connection->operations() == sent);
}

TEST_F(ConnectionReadTest, ALargeOperationHasABlockOfItsOwn) {
  std::atomic<bool> dedicated{false}, small_dedicated{true};
  connect({}, [&](TestConnection& c) {
    c.on_operation = [&](TestConnection&, std::string_view payload, SharedBytes& block) {
      (payload.size() > 100 ? dedicated : small_dedicated) = block.dedicated();
      EXPECT_GE(payload.data(), block.data());
      EXPECT_LE(payload.data() + payload.size(), block.data() + block.capacity());
    };
  });
  ASSERT_TRUE(peer.send(operation("small") + operation(bytes(300'000, 'a'))));
  ASSERT_TRUE(has(2));
  EXPECT_TRUE(dedicated);
  EXPECT_FALSE(small_dedicated);
}

// However much of it came first, a large operation is handled when it is whole: its peer may wait
// for the answer before it sends anything else.
TEST_F(ConnectionReadTest, ALargeOperationWaitsForNothingButItself) {
  connect();
  size_t count = 0;
  for (size_t size : {BufferPool::kReadChunk + 1, BufferPool::kReadChunk + 5000,
                      2 * BufferPool::kReadChunk - 100, 2 * BufferPool::kReadChunk + 1}) {
    for (size_t first : {size_t{20}, BufferPool::kReadChunk / 2 - 1, BufferPool::kReadChunk / 2 + 1,
                         BufferPool::kReadChunk - 1, BufferPool::kReadChunk}) {
      std::string text = operation(bytes(size, 'a'));
      ASSERT_TRUE(peer.send(text.substr(0, first)));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ASSERT_TRUE(peer.send(text.substr(first)));
      ASSERT_TRUE(has(++count)) << size << " bytes, first " << first;
    }
  }
}

// A line whose end is not known before it comes, longer than a read chunk.
TEST_F(ConnectionReadTest, ALargeOperationOfUnknownSize) {
  connect({}, [](TestConnection& c) { c.announce_size = false; });
  std::vector<std::string> sent{bytes(700'000, 'q'), "small", bytes(BufferPool::kReadChunk, 'r'),
                                bytes(BufferPool::kReadChunk - 8, 's'), "end"};
  for (const std::string& one : sent) ASSERT_TRUE(peer.send(operation(one)));
  ASSERT_TRUE(has(sent.size()));
  EXPECT_TRUE(connection->operations() == sent);
}

// Bytes that somebody still refers to must not be overwritten by the next read.
TEST_F(ConnectionReadTest, AReferencedChunkIsNotReadInto) {
  std::vector<std::pair<BytesRef, std::string_view>> kept;
  connect({}, [&](TestConnection& c) {
    c.on_operation = [&](TestConnection&, std::string_view payload, SharedBytes& block) {
      kept.emplace_back(BytesRef::share(&block), payload);
    };
  });
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(peer.send(operation("payload " + std::to_string(i))));
    ASSERT_TRUE(has(static_cast<size_t>(i) + 1));
  }
  on_shard([&] {
    for (size_t i = 0; i < kept.size(); ++i)
      EXPECT_EQ(kept[i].second, "payload " + std::to_string(i));
    kept.clear();
  });
}

TEST_F(ConnectionReadTest, PausedNothingIsRead) {
  connect();
  on_shard([&] { connection->pause_reading(); });
  ASSERT_TRUE(peer.send(operation("later")));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_THAT(connection->operations(), IsEmpty());
  on_shard([&] { connection->resume_reading(); });
  ASSERT_TRUE(has(1));
}

// What was read before the pause and not consumed is presented again without new bytes.
TEST_F(ConnectionReadTest, ResumingPresentsWhatWasLeft) {
  connect({}, [](TestConnection& c) {
    c.on_operation = [](TestConnection& self, std::string_view payload, SharedBytes&) {
      if (payload != "stop") return;
      self.pause_reading();
      self.hold = true;
    };
  });
  ASSERT_TRUE(peer.send(operation("stop") + operation("a") + operation("b")));
  ASSERT_TRUE(has(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_THAT(connection->operations(), SizeIs(1));
  on_shard([&] {
    connection->hold = false;
    connection->resume_reading();
  });
  ASSERT_TRUE(has(3));
  ASSERT_TRUE(peer.send(operation("c")));
  ASSERT_TRUE(has(4));
  EXPECT_THAT(connection->operations(), ElementsAre("stop", "a", "b", "c"));
}

TEST_F(ConnectionReadTest, PauseAndResumeBeforeAnythingHappened) {
  connect();
  on_shard([&] {
    connection->pause_reading();
    connection->resume_reading();
    connection->resume_reading();
  });
  ASSERT_TRUE(peer.send(operation("x")));
  ASSERT_TRUE(has(1));
}

TEST_F(ConnectionReadTest, AStalledConnectionReadsOnByItself) {
  auto started = Clock::now();
  connect({}, [](TestConnection& c) {
    c.on_operation = [](TestConnection& self, std::string_view payload, SharedBytes&) {
      if (payload == "stall") self.stall_reading(std::chrono::milliseconds(40));
    };
  });
  ASSERT_TRUE(peer.send(operation("stall")));
  ASSERT_TRUE(has(1));
  ASSERT_TRUE(peer.send(operation("after")));
  ASSERT_TRUE(has(2));
  EXPECT_GE(Clock::now() - started, std::chrono::milliseconds(40));
}

TEST_F(ConnectionReadTest, StalledAndPausedResumesWithTheLater) {
  connect({}, [](TestConnection& c) {
    c.on_operation = [](TestConnection& self, std::string_view payload, SharedBytes&) {
      if (payload != "both") return;
      self.stall_reading(std::chrono::milliseconds(10));
      self.pause_reading();
    };
  });
  ASSERT_TRUE(peer.send(operation("both")));
  ASSERT_TRUE(has(1));
  ASSERT_TRUE(peer.send(operation("after")));
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  EXPECT_THAT(connection->operations(), SizeIs(1));
  on_shard([&] { connection->resume_reading(); });
  ASSERT_TRUE(has(2));
}

// One that sends without end must not keep the others of its shard from being served.
TEST_F(ConnectionReadTest, ABusyConnectionLeavesRoomForOthers) {
  connect();
  std::atomic<bool> stop{false};
  std::thread flood([&] {
    std::string batch;
    for (int i = 0; i < 1000; ++i) batch += operation("x");
    while (!stop && peer.send(batch)) {
    }
  });
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  SocketPeer quiet_peer(ends[0]);
  std::shared_ptr<TestConnection> quiet;
  on_shard([&] {
    quiet = std::make_shared<TestConnection>(shard, ends[1], Limits{});
    quiet->start();
  });
  ASSERT_TRUE(quiet_peer.send(operation("me too")));
  EXPECT_TRUE(eventually([&] { return quiet->operations().size() == 1; }));
  stop = true;
  flood.join();
  on_shard([&] {
    quiet->close(CloseReason::kKicked);
    quiet.reset();
  });
}

}  // namespace
}  // namespace natrix::io
