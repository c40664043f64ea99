// Epoch-based reclamation: readers on any shard walk shared structures without locks, writers
// unlink and retire what they replaced, and memory is freed once no reader can still see it.
//
//   Reader:  EpochPin pin(slot);  ... follow pointers ...        (one per read chunk, not per
//   message) Writer:  unlink; domain.retire(limbo, deleter);  ... limbo.collect(domain) now and
//   then
//
// A domain serves one broker. Each thread that reads has its own EpochSlot, registered for as long
// as the thread runs. A Limbo belongs to one thread (or to whoever holds the writer lock it is used
// under). Objects retired by a thread are freed by that thread's collect().
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

namespace natrix {

using Epoch = uint64_t;

// A reader's announcement: 0 = not reading, else the epoch in which it began.
class alignas(64) EpochSlot {
 public:
  [[nodiscard]] Epoch load() const { return epoch_.load(std::memory_order_acquire); }
  void store(Epoch epoch) { epoch_.store(epoch, std::memory_order_release); }

 private:
  std::atomic<Epoch> epoch_{0};
};

class EpochDomain {
 public:
  EpochDomain() = default;
  EpochDomain(const EpochDomain&) = delete;
  EpochDomain& operator=(const EpochDomain&) = delete;

  void add(EpochSlot* slot);
  void remove(EpochSlot* slot);

  [[nodiscard]] Epoch current() const { return epoch_.load(std::memory_order_seq_cst); }
  // The epoch that has to pass before something unlinked just now may be freed.
  Epoch advance() { return epoch_.fetch_add(1, std::memory_order_seq_cst) + 1; }
  // Everything retired in an epoch <= the result is invisible to every reader.
  [[nodiscard]] Epoch safe() const;

 private:
  std::atomic<Epoch> epoch_{1};
  mutable std::mutex mutex_;  // guards slots_; never taken by readers
  std::vector<EpochSlot*> slots_;
};

// Pins the calling thread's slot: what the thread reads through shared pointers stays valid until
// the pin ends. Pins do not nest.
class EpochPin {
 public:
  EpochPin(const EpochDomain& domain, EpochSlot& slot) : slot_(slot) {
    slot_.store(domain.current());
    // Orders the announcement before every read of shared pointers; pairs with advance().
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  ~EpochPin() { slot_.store(0); }
  EpochPin(const EpochPin&) = delete;
  EpochPin& operator=(const EpochPin&) = delete;

 private:
  EpochSlot& slot_;
};

// Retired objects that wait for their epoch, oldest first.
class Limbo {
 public:
  Limbo() = default;
  ~Limbo() { free_up_to(~Epoch{0}); }
  Limbo(const Limbo&) = delete;
  Limbo& operator=(const Limbo&) = delete;

  template <class T>
  void retire(EpochDomain& domain, T* object) {
    push(domain.advance(), object, [](void* p) { delete static_cast<T*>(p); });
  }
  void retire(EpochDomain& domain, void* object, void (*deleter)(void*)) {
    push(domain.advance(), object, deleter);
  }
  // For an object so large that its memory should not wait for company (see holds_large()).
  void retire_large(EpochDomain& domain, void* object, void (*deleter)(void*)) {
    push(domain.advance(), object, deleter);
    last_large_ = items_.back().epoch;
  }
  void free_up_to(Epoch safe);
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] size_t size() const { return items_.size(); }
  [[nodiscard]] bool holds_large() const {
    return !items_.empty() && items_.front().epoch <= last_large_;
  }

 private:
  struct Item {
    Epoch epoch;
    void* object;
    void (*deleter)(void*);
  };
  void push(Epoch epoch, void* object, void (*deleter)(void*)) {
    items_.push_back({epoch, object, deleter});
  }
  std::deque<Item> items_;
  Epoch last_large_ = 0;
};

}  // namespace natrix
