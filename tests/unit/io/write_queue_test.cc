#include "broker/io/write_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace natrix::io {
namespace {

std::string gathered(const WriteQueue& queue, size_t vectors = 4096) {
  std::vector<iovec> out(vectors);
  size_t used = queue.gather(out);
  std::string text;
  for (size_t i = 0; i < used; ++i) {
    text.append(static_cast<const char*>(out[i].iov_base), out[i].iov_len);
  }
  return text;
}

BytesRef block_of(std::string_view text) {
  BytesRef block = BytesRef::adopt(SharedBytes::allocate(text.size()));
  std::memcpy(block->data(), text.data(), text.size());
  return block;
}

TEST(WriteQueue, EmptyHasNothing) {
  BufferPool pool;
  WriteQueue queue(pool);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(gathered(queue), "");
  queue.append("");
  queue.append_shared(block_of("x").get(), {});
  EXPECT_TRUE(queue.empty());
  queue.consume(0);
  queue.clear();
}

TEST(WriteQueue, GathersInOrder) {
  BufferPool pool;
  WriteQueue queue(pool);
  BytesRef block = block_of("SHARED");
  queue.append("one ");
  queue.append_shared(block.get(), {block->data(), 6});
  queue.append(" two");
  EXPECT_EQ(queue.size_bytes(), 14U);
  EXPECT_EQ(gathered(queue), "one SHARED two");
  EXPECT_FALSE(block->unshared());
  queue.consume(5);
  EXPECT_EQ(gathered(queue), "HARED two");
  queue.consume(5);
  EXPECT_TRUE(block->unshared()) << "sent, so let go";
  EXPECT_EQ(gathered(queue), " two");
  queue.append("!");
  queue.consume(5);
  EXPECT_TRUE(queue.empty());
}

TEST(WriteQueue, ReserveGivesContiguousRoom) {
  BufferPool pool;
  WriteQueue queue(pool);
  for (size_t size : {size_t{1}, BufferPool::kSmallWriteChunk, BufferPool::kSmallWriteChunk + 1,
                      BufferPool::kWriteChunk, BufferPool::kWriteChunk + 1, size_t{1'000'000}}) {
    char* room = queue.reserve(size);
    std::memset(room, 'r', size);
    queue.commit(size - 1);  // less than reserved
  }
  std::string all = gathered(queue);
  EXPECT_EQ(all, std::string(queue.size_bytes(), 'r'));
}

TEST(WriteQueue, GatherStopsAtTheRoomGiven) {
  BufferPool pool;
  WriteQueue queue(pool);
  BytesRef block = block_of("b");
  for (int i = 0; i < 10; ++i) queue.append_shared(block.get(), {block->data(), 1});
  EXPECT_EQ(gathered(queue, 4), "bbbb");
}

TEST(WriteQueue, ClearLetsEverythingGo) {
  BufferPool pool;
  WriteQueue queue(pool);
  BytesRef block = block_of("b");
  for (int i = 0; i < 100; ++i) {
    queue.append("a");
    queue.append_shared(block.get(), {block->data(), 1});
  }
  queue.consume(7);
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(block->unshared());
  queue.append("again");
  EXPECT_EQ(gathered(queue), "again");
}

// Large payloads with a line in front of each, to a reader that takes nothing: the lines must share
// chunks, or a backlog within its limit would hold many times its size in memory.
TEST(WriteQueue, LinesBetweenSharedBlocksShareChunks) {
  BufferPool pool;
  WriteQueue queue(pool);
  BytesRef block = block_of(std::string(4096, 'p'));
  std::string line(40, 'l');
  std::vector<const char*> lines;
  for (int i = 0; i < 1000; ++i) {
    char* room = queue.reserve(line.size());
    lines.push_back(room);
    std::memcpy(room, line.data(), line.size());
    queue.commit(line.size());
    queue.append_shared(block.get(), {block->data(), 4096});
  }
  size_t near = 0;
  for (size_t i = 1; i < lines.size(); ++i) near += lines[i] == lines[i - 1] + line.size();
  EXPECT_GE(near, 990U);
  std::string expected;
  for (int i = 0; i < 1000; ++i) expected += line + std::string(4096, 'p');
  EXPECT_TRUE(gathered(queue) == expected);
}

TEST(WriteQueue, RandomAgainstAString) {
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    BufferPool pool;
    WriteQueue queue(pool);
    BytesRef block = block_of(std::string(10'000, '#'));
    std::string expected;
    for (int step = 0; step < 1000; ++step) {
      switch (random() % 4) {
        case 0: {
          std::string text(random() % 200, static_cast<char>('a' + step % 26));
          queue.append(text);
          expected += text;
          break;
        }
        case 1: {
          size_t size = random() % 10'000;
          queue.append_shared(block.get(), {block->data(), size});
          expected.append(size, '#');
          break;
        }
        case 2: {
          std::string text(random() % 80'000, static_cast<char>('A' + step % 26));
          if (random() % 10 == 0) queue.append(text), expected += text;
          break;
        }
        default: {
          size_t size = expected.empty() ? 0 : random() % (expected.size() + 1);
          queue.consume(size);
          expected.erase(0, size);
        }
      }
      ASSERT_EQ(queue.size_bytes(), expected.size());
      ASSERT_EQ(queue.empty(), expected.empty());
      ASSERT_TRUE(step % 20 != 0 || gathered(queue, 100'000) == expected) << "seed " << seed;
    }
    queue.clear();
    ASSERT_TRUE(block->unshared()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace natrix::io
