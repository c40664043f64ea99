// SharedBytes: a block of memory with a reference count, for bytes that several owners need without
// copying: a chunk just read from a socket while messages in it are under way to other shards, or a
// large payload that many receivers' write queues refer to.
//
// Handles (BytesRef) may be copied and dropped on any thread; the bytes are written only by whoever
// made the block, before it is shared.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace natrix::io {

class SharedBytes;

// Takes blocks back when their last reference goes; called on any thread.
class BytesHome {
 public:
  virtual ~BytesHome() = default;
  virtual void give_back(SharedBytes* block) = 0;
};

class SharedBytes {
 public:
  // Readers may look a few bytes past the end of the data (vector loads).
  static constexpr size_t kSlack = 64;

  // One reference, the caller's. `home` null: freed by the last reference.
  static SharedBytes* allocate(size_t capacity, BytesHome* home = nullptr);
  static void free(SharedBytes* block);

  [[nodiscard]] char* data() { return reinterpret_cast<char*>(this + 1); }
  [[nodiscard]] size_t capacity() const { return capacity_; }
  // A block of its own, not a pooled read chunk: may be kept as long as anyone likes.
  [[nodiscard]] bool dedicated() const { return home_ == nullptr; }
  [[nodiscard]] bool unshared() const { return references_.load(std::memory_order_acquire) == 1; }

  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) last_reference_gone();
  }
  // For the home: makes a returned block usable again.
  void revive() { references_.store(1, std::memory_order_relaxed); }

  SharedBytes* next = nullptr;  // the home's, while the block is in its free list

 private:
  SharedBytes(size_t capacity, BytesHome* home) : home_(home), capacity_(capacity) {}
  void last_reference_gone();

  BytesHome* home_;
  size_t capacity_;
  std::atomic<uint32_t> references_{1};
};

class BytesRef {
 public:
  BytesRef() = default;
  // Takes over the caller's reference.
  static BytesRef adopt(SharedBytes* block) { return BytesRef(block); }
  static BytesRef share(SharedBytes* block) {
    if (block != nullptr) block->retain();
    return BytesRef(block);
  }
  BytesRef(const BytesRef& other) : block_(other.block_) {
    if (block_ != nullptr) block_->retain();
  }
  BytesRef(BytesRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BytesRef& operator=(BytesRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BytesRef() {
    if (block_ != nullptr) block_->release();
  }

  [[nodiscard]] SharedBytes* get() const { return block_; }
  SharedBytes* operator->() const { return block_; }
  explicit operator bool() const { return block_ != nullptr; }

 private:
  explicit BytesRef(SharedBytes* block) : block_(block) {}
  SharedBytes* block_ = nullptr;
};

}  // namespace natrix::io
