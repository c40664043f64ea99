// SubscriptionSet: the subscriptions of one client by sid. Does not own them. Used on the client's
// shard only.
//
// A million entries are held by some clients and most look-ups are for sids that are not there (a
// new SUB), hence: open addressing with slots of 8 bytes, growth by half, and in the 16 bits that
// addresses leave free a part of the hash, so that a foreign entry is passed without touching it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/subject/subscription.h"

namespace natrix::client {

class SubscriptionSet {
 public:
  using Subscription = subject::Subscription;

  class Iterator {
   public:
    Iterator(const uint64_t* at, const uint64_t* end) : at_(at), end_(end) { skip(); }
    Subscription* operator*() const { return pointer(*at_); }
    Iterator& operator++() {
      ++at_;
      skip();
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    void skip() {
      while (at_ != end_ && *at_ == 0) ++at_;
    }
    const uint64_t* at_;
    const uint64_t* end_;
  };

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool contains(std::string_view sid) const { return find(sid) != nullptr; }
  // Null when there is none.
  [[nodiscard]] Subscription* find(std::string_view sid) const;
  // No entry of the same sid may be present.
  void insert(Subscription* sub);
  // Must be present.
  void erase(const Subscription* sub);
  void clear();

  // Invalidated by every change.
  [[nodiscard]] Iterator begin() const { return {slots_.data(), slots_.data() + slots_.size()}; }
  [[nodiscard]] Iterator end() const {
    return {slots_.data() + slots_.size(), slots_.data() + slots_.size()};
  }

 private:
  static constexpr int kTagShift = 48;
  static Subscription* pointer(uint64_t slot) {
    return reinterpret_cast<Subscription*>(slot & ((uint64_t{1} << kTagShift) - 1));
  }
  // Where an entry would best be: from the upper bits of the hash, while the tag is the lower ones.
  [[nodiscard]] size_t home(uint32_t hash) const {
    return static_cast<size_t>((static_cast<uint64_t>(hash) * slots_.size()) >> 32);
  }
  [[nodiscard]] size_t next(size_t at) const { return at + 1 == slots_.size() ? 0 : at + 1; }
  void place(uint32_t hash, uint64_t slot);
  void resize(size_t capacity);

  std::vector<uint64_t> slots_;  // tag and address, 0: free
  size_t size_ = 0;
};

}  // namespace natrix::client
