// A hash set of nodes that readers search without locks while one writer changes it.
//
// Node must offer `uint32_t hash` and `std::string_view key() const`. The table does not own nodes;
// whoever removes one retires it. Slots are read with acquire loads; a grown table replaces the old
// one, which is retired through the writer's limbo. Readers must hold an EpochPin.
#pragma once

#include <atomic>
#include <cstdlib>
#include <new>
#include <string_view>

#include "broker/base/assert.h"
#include "broker/base/epoch.h"

namespace natrix::subject {

template <class Node>
class RcuTable {
 public:
  RcuTable() = default;
  ~RcuTable() { free_slots(slots_.load(std::memory_order_relaxed)); }
  RcuTable(const RcuTable&) = delete;
  RcuTable& operator=(const RcuTable&) = delete;

  [[nodiscard]] Node* find(uint32_t hash, std::string_view key) const {
    const Slots* slots = slots_.load(std::memory_order_acquire);
    if (slots == nullptr) return nullptr;
    for (uint32_t at = hash;; ++at) {
      Node* node = slots->slot(at & slots->mask).load(std::memory_order_acquire);
      if (node == nullptr) return nullptr;
      if (node != tombstone() && node->hash == hash && node->key() == key) return node;
    }
  }

  [[nodiscard]] size_t size() const { return size_; }

  // Writer side. `node` must not be present.
  void insert(Node* node, EpochDomain& domain, Limbo& limbo) {
    Slots* slots = slots_.load(std::memory_order_relaxed);
    if (slots == nullptr || (used_ + 1) * 4 > (slots->mask + 1) * 3) {
      slots = rebuild(size_ + 1, domain, limbo);
    }
    uint32_t at = node->hash;
    for (;; ++at) {
      Node* there = slots->slot(at & slots->mask).load(std::memory_order_relaxed);
      if (there == nullptr) {
        ++used_;
        break;
      }
      if (there == tombstone()) break;
    }
    slots->slot(at & slots->mask).store(node, std::memory_order_release);
    ++size_;
  }

  void erase(Node* node, EpochDomain& domain, Limbo& limbo) {
    Slots* slots = slots_.load(std::memory_order_relaxed);
    for (uint32_t at = node->hash;; ++at) {
      auto& slot = slots->slot(at & slots->mask);
      Node* there = slot.load(std::memory_order_relaxed);
      NATRIX_ASSERT(there != nullptr, "an erased node is in its table");
      if (there != node) continue;
      bool last_in_run =
          slots->slot((at + 1) & slots->mask).load(std::memory_order_relaxed) == nullptr;
      slot.store(last_in_run ? nullptr : tombstone(), std::memory_order_release);
      if (last_in_run) --used_;
      break;
    }
    --size_;
    if (size_ == 0) {
      slots_.store(nullptr, std::memory_order_release);
      retire(slots, domain, limbo);
      used_ = 0;
    } else if (size_ * 8 < slots->mask + 1 && slots->mask >= kMinimum * 4) {
      rebuild(size_, domain, limbo);
    }
  }

  template <class F>
  void for_each(F&& f) const {
    const Slots* slots = slots_.load(std::memory_order_acquire);
    if (slots == nullptr) return;
    for (uint32_t i = 0; i <= slots->mask; ++i) {
      Node* node = slots->slot(i).load(std::memory_order_acquire);
      if (node != nullptr && node != tombstone()) f(node);
    }
  }

 private:
  static constexpr uint32_t kMinimum = 4;
  static constexpr uint32_t kLarge = 8 * 1024;  // slots: 64 KiB

  struct alignas(8) Slots {
    uint32_t mask;
    std::atomic<Node*>& slot(uint32_t i) const {
      return reinterpret_cast<std::atomic<Node*>*>(const_cast<Slots*>(this) + 1)[i];
    }
  };
  static_assert(sizeof(Slots) == 8);

  static Node* tombstone() { return reinterpret_cast<Node*>(uintptr_t{1}); }
  static void free_slots(void* slots) { std::free(slots); }

  static void retire(Slots* slots, EpochDomain& domain, Limbo& limbo) {
    if (slots->mask >= kLarge) {
      limbo.retire_large(domain, slots, &free_slots);
    } else {
      limbo.retire(domain, slots, &free_slots);
    }
  }

  static Slots* allocate(uint32_t capacity) {
    static_assert(alignof(std::atomic<Node*>) == 8);
    void* memory = std::malloc(sizeof(Slots) + capacity * sizeof(std::atomic<Node*>));
    if (memory == nullptr) throw std::bad_alloc();
    auto* slots = new (memory) Slots{capacity - 1};
    for (uint32_t i = 0; i < capacity; ++i) new (&slots->slot(i)) std::atomic<Node*>(nullptr);
    return slots;
  }

  // A fresh table with room for `wanted` nodes at a load of at most 1/2 ... 3/4.
  Slots* rebuild(size_t wanted, EpochDomain& domain, Limbo& limbo) {
    uint32_t capacity = kMinimum;
    while (capacity * 5 < wanted * 8) capacity *= 2;
    Slots* fresh = allocate(capacity);
    for_each([&](Node* node) {
      uint32_t at = node->hash;
      while (fresh->slot(at & fresh->mask).load(std::memory_order_relaxed) != nullptr) ++at;
      fresh->slot(at & fresh->mask).store(node, std::memory_order_relaxed);
    });
    used_ = size_;
    Slots* old = slots_.exchange(fresh, std::memory_order_acq_rel);
    if (old != nullptr) retire(old, domain, limbo);
    return fresh;
  }

  std::atomic<Slots*> slots_{nullptr};
  uint32_t size_ = 0;  // nodes
  uint32_t used_ = 0;  // nodes and tombstones
};

}  // namespace natrix::subject
