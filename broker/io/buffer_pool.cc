#include "broker/io/buffer_pool.h"

#include <cstdlib>
#include <new>

namespace natrix::io {

BufferPool::~BufferPool() {
  for (SharedBytes* block : read_chunks_) SharedBytes::free(block);
  for (SharedBytes* block = returned_.load(); block != nullptr;) {
    SharedBytes* next = block->next;
    SharedBytes::free(block);
    block = next;
  }
  for (char* chunk : small_chunks_) std::free(chunk);
  for (char* chunk : chunks_) std::free(chunk);
}

SharedBytes* BufferPool::take_read_chunk() {
  if (read_chunks_.empty() && returned_.load(std::memory_order_relaxed) != nullptr) {
    SharedBytes* block = returned_.exchange(nullptr, std::memory_order_acquire);
    uint32_t count = 0;
    for (; block != nullptr; block = block->next) {
      read_chunks_.push_back(block);
      ++count;
    }
    returned_count_.fetch_sub(count, std::memory_order_relaxed);
  }
  if (read_chunks_.empty()) return SharedBytes::allocate(kReadChunk, this);
  SharedBytes* block = read_chunks_.back();
  read_chunks_.pop_back();
  block->revive();
  return block;
}

void BufferPool::give_back(SharedBytes* block) {
  if (returned_count_.fetch_add(1, std::memory_order_relaxed) >= kIdleReadChunks) {
    returned_count_.fetch_sub(1, std::memory_order_relaxed);
    return SharedBytes::free(block);
  }
  SharedBytes* head = returned_.load(std::memory_order_relaxed);
  do {
    block->next = head;
  } while (!returned_.compare_exchange_weak(head, block, std::memory_order_release,
                                            std::memory_order_relaxed));
}

std::vector<char*>* BufferPool::idle_write_chunks(size_t size) {
  if (size == kSmallWriteChunk) return &small_chunks_;
  return size == kWriteChunk ? &chunks_ : nullptr;
}

char* BufferPool::take_write_chunk(size_t size) {
  std::vector<char*>* idle = idle_write_chunks(size);
  if (idle != nullptr && !idle->empty()) {
    char* chunk = idle->back();
    idle->pop_back();
    return chunk;
  }
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<char*>(memory);
}

void BufferPool::return_write_chunk(char* chunk, size_t size) {
  std::vector<char*>* idle = idle_write_chunks(size);
  if (idle != nullptr && idle->size() < kIdleWriteChunks) {
    idle->push_back(chunk);
  } else {
    std::free(chunk);
  }
}

}  // namespace natrix::io
