// BufferPool: the read chunks and write chunks of one shard.
//
// Used on its shard, except give_back(), which any thread may call. Idle memory is bounded: what
// exceeds the caps goes back to the allocator.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
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
  // Those kept for later, on the shard.
  [[nodiscard]] size_t idle_read_chunks() const {
    return read_chunks_.size() + returned_count_.load(std::memory_order_relaxed);
  }

  // Write chunks are plain memory; those of the two usual sizes are kept for later.
  char* take_write_chunk(size_t size);
  void return_write_chunk(char* chunk, size_t size);

 private:
  static constexpr uint32_t kIdleReadChunks = 8;
  static constexpr size_t kIdleWriteChunks = 32;

  std::vector<char*>* idle_write_chunks(size_t size);

  std::vector<SharedBytes*> read_chunks_;
  std::atomic<SharedBytes*> returned_{nullptr};  // pushed by any thread, emptied by the shard
  std::atomic<uint32_t> returned_count_{0};      // at least as many as are in it
  std::vector<char*> small_chunks_, chunks_;
};

}  // namespace natrix::io
