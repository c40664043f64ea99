// WriteQueue: the bytes that wait to be sent on one connection.
//
// Small writes are copied into chunks, large ones are referenced; gather() hands everything to one
// sendmsg. Used on the connection's shard. An empty queue owns no memory. The queue has no limit of
// its own: its connection compares size_bytes() with max_pending and closes a slow consumer.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "broker/io/buffer_pool.h"
#include "broker/io/shared_bytes.h"

namespace natrix::io {

class WriteQueue {
 public:
  explicit WriteQueue(BufferPool& pool) : pool_(pool) {}
  ~WriteQueue() { clear(); }
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;

  // Room for `size` contiguous bytes; valid until the next call. Follow with commit().
  char* reserve(size_t size) {
    if (static_cast<size_t>(limit_ - tail_) < size) [[unlikely]]
      add_chunk(size);
    return tail_;
  }
  void commit(size_t size) {
    tail_ += size;
    segments_.back().size += size;
    size_ += size;
  }
  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (bytes.empty()) return;
    std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  // Sends `bytes`, which lie in `block`, without copying them; the queue keeps a reference.
  void append_shared(SharedBytes* block, std::string_view bytes);

  [[nodiscard]] size_t size_bytes() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  // Fills `out` from the front; returns how many entries were used.
  size_t gather(std::span<iovec> out) const;
  // The first `size` bytes were sent.
  void consume(size_t size);
  void clear();

 private:
  struct Segment {
    char* data = nullptr;  // of a chunk: the next byte to send
    size_t size = 0;
    char* chunk = nullptr;  // owned memory; null with `shared` or when a later segment owns it
    size_t chunk_size = 0;
    SharedBytes* shared = nullptr;
  };
  void add_chunk(size_t size);
  void release(Segment& segment);

  BufferPool& pool_;
  std::vector<Segment> segments_;
  size_t head_ = 0;  // first unsent segment
  size_t size_ = 0;
  char* tail_ = nullptr;   // next free byte of the last chunk
  char* limit_ = nullptr;  // its end
};

}  // namespace natrix::io
