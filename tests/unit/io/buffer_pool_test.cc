#include "broker/io/buffer_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>

namespace natrix::io {
namespace {

TEST(SharedBytes, LastReferenceGivesBack) {
  struct Home final : BytesHome {
    void give_back(SharedBytes* block) override {
      ++returned;
      SharedBytes::free(block);
    }
    int returned = 0;
  } home;
  BytesRef one = BytesRef::adopt(SharedBytes::allocate(100, &home));
  EXPECT_EQ(one->capacity(), 100U);
  EXPECT_FALSE(one->dedicated());
  EXPECT_TRUE(one->unshared());
  BytesRef two = one;
  EXPECT_FALSE(one->unshared());
  BytesRef three = std::move(one);
  EXPECT_FALSE(one);
  two = BytesRef();
  EXPECT_TRUE(three->unshared());
  EXPECT_EQ(home.returned, 0);
  three = BytesRef();
  EXPECT_EQ(home.returned, 1);
}

TEST(SharedBytes, AssignmentToItselfKeepsIt) {
  BytesRef ref = BytesRef::adopt(SharedBytes::allocate(1));
  BytesRef& same = ref;
  ref = same;
  EXPECT_TRUE(ref->unshared());
  EXPECT_TRUE(ref->dedicated());
  EXPECT_FALSE(BytesRef::share(nullptr));
}

TEST(BufferPool, AReturnedChunkIsUsedAgain) {
  BufferPool pool;
  SharedBytes* chunk = pool.take_read_chunk();
  EXPECT_EQ(chunk->capacity(), BufferPool::kReadChunk);
  chunk->release();
  SharedBytes* again = pool.take_read_chunk();
  EXPECT_EQ(again, chunk);
  EXPECT_TRUE(again->unshared());
  again->release();
}

// A burst may need many chunks at once; afterwards only a few are kept.
TEST(BufferPool, IdleReadChunksAreBounded) {
  BufferPool pool;
  for (int burst = 0; burst < 3; ++burst) {
    std::vector<SharedBytes*> taken;
    for (int i = 0; i < 100; ++i) taken.push_back(pool.take_read_chunk());
    EXPECT_EQ(std::set<SharedBytes*>(taken.begin(), taken.end()).size(), 100U);
    std::set<SharedBytes*> known(taken.begin(), taken.end());
    for (SharedBytes* chunk : taken) chunk->release();
    EXPECT_LE(pool.idle_read_chunks(), 16U);
  }
}

TEST(BufferPool, ChunksComeBackFromOtherThreads) {
  BufferPool pool;
  for (int round = 0; round < 200; ++round) {
    std::vector<BytesRef> taken;
    for (int i = 0; i < 6; ++i) taken.push_back(BytesRef::adopt(pool.take_read_chunk()));
    taken[0]->data()[0] = 'w';
    std::thread other([mine = std::vector<BytesRef>(taken.begin(), taken.begin() + 4)]() mutable {
      EXPECT_EQ(mine[0]->data()[0], 'w');
      mine.clear();
    });
    taken.clear();
    other.join();
  }
  EXPECT_LE(pool.idle_read_chunks(), 16U);
}

TEST(BufferPool, WriteChunksOfOddSizesAreNotKept) {
  BufferPool pool;
  pool.return_write_chunk(pool.take_write_chunk(BufferPool::kWriteChunk), BufferPool::kWriteChunk);
  char* odd = pool.take_write_chunk(100'000);
  std::memset(odd, 1, 100'000);
  pool.return_write_chunk(odd, 100'000);
  char* small = pool.take_write_chunk(BufferPool::kSmallWriteChunk);
  pool.return_write_chunk(small, BufferPool::kSmallWriteChunk);
  EXPECT_EQ(pool.take_write_chunk(BufferPool::kSmallWriteChunk), small);
  pool.return_write_chunk(small, BufferPool::kSmallWriteChunk);
  char* large = pool.take_write_chunk(BufferPool::kWriteChunk);
  EXPECT_NE(large, small);
  pool.return_write_chunk(large, BufferPool::kWriteChunk);
}

}  // namespace
}  // namespace natrix::io
