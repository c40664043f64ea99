// BufferPool: the read chunks and write chunks of one shard.
//
// Used on its shard, except give_back(), which any thread may call. Idle memory is bounded: what
// exceeds the caps goes back to the allocator.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "broker/io/shared_bytes.h"

namespace natrix::io {

class BufferPool final : public BytesHome {
 public:
  static constexpr size_t kReadChunk = 128 * 1024;
  static constexpr size_t kSmallWriteChunk = 4 * 1024;
  static constexpr size_t kWriteChunk = 64 * 1024;

  BufferPool() = default;
  ~BufferPool() override;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // A chunk of kReadChunk bytes with one reference.
  SharedBytes* take_read_chunk();
  void give_back(SharedBytes* block) override;

  // Write chunks are plain memory of one of the two sizes.
  char* take_write_chunk(size_t size);
  void return_write_chunk(char* chunk, size_t size);

 private:
  static constexpr size_t kIdleReadChunks = 8;
  static constexpr size_t kIdleWriteChunks = 32;

  std::vector<SharedBytes*> read_chunks_;
  std::atomic<SharedBytes*> returned_{nullptr};  // pushed by any thread, emptied by the shard
  std::vector<char*> small_chunks_, chunks_;
};

}  // namespace natrix::io
