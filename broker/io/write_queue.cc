#include "broker/io/write_queue.h"

#include "broker/base/assert.h"

namespace natrix::io {

void WriteQueue::add_chunk(size_t size) {
  // A connection that sends little gets a small chunk; one with a backlog gets large ones.
  size_t chunk_size = empty() ? BufferPool::kSmallWriteChunk : BufferPool::kWriteChunk;
  if (size > chunk_size) chunk_size = BufferPool::kWriteChunk;
  if (size > chunk_size) chunk_size = size;
  char* chunk = pool_.take_write_chunk(chunk_size);
  segments_.push_back({chunk, 0, chunk, chunk_size, nullptr});
  tail_ = chunk;
  limit_ = chunk + chunk_size;
}

void WriteQueue::append_shared(SharedBytes* block, std::string_view bytes) {
  if (bytes.empty()) return;
  Segment rest;
  if (tail_ != limit_) {
    // What is free in the last chunk serves the next write: ownership moves behind the block.
    rest = segments_.back();
    if (rest.size != 0) {
      segments_.back().chunk = nullptr;
    } else {
      segments_.pop_back();
    }
    rest.data = tail_;
    rest.size = 0;
  }
  block->retain();
  segments_.push_back({const_cast<char*>(bytes.data()), bytes.size(), nullptr, 0, block});
  size_ += bytes.size();
  if (rest.chunk != nullptr) segments_.push_back(rest);
}

size_t WriteQueue::gather(std::span<iovec> out) const {
  size_t used = 0;
  for (size_t i = head_; i < segments_.size() && used < out.size(); ++i) {
    if (segments_[i].size == 0) continue;
    out[used++] = {segments_[i].data, segments_[i].size};
  }
  return used;
}

void WriteQueue::release(Segment& segment) {
  if (segment.shared != nullptr) {
    segment.shared->release();
  } else if (segment.chunk != nullptr) {
    pool_.return_write_chunk(segment.chunk, segment.chunk_size);
  }
}

void WriteQueue::consume(size_t size) {
  NATRIX_ASSERT(size <= size_, "no more is consumed than was queued");
  size_ -= size;
  if (size_ == 0) {
    clear();
    return;
  }
  while (size > 0 || segments_[head_].size == 0) {
    Segment& segment = segments_[head_];
    if (size < segment.size) {
      segment.data += size;
      segment.size -= size;
      break;
    }
    size -= segment.size;
    release(segment);
    ++head_;
  }
  if (head_ > 64 && head_ * 2 > segments_.size()) {
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void WriteQueue::clear() {
  for (size_t i = head_; i < segments_.size(); ++i) release(segments_[i]);
  segments_.clear();
  if (segments_.capacity() > 8) segments_.shrink_to_fit();
  head_ = 0;
  size_ = 0;
  tail_ = limit_ = nullptr;
}

}  // namespace natrix::io
