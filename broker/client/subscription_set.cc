#include "broker/client/subscription_set.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"
#include "broker/subject/subject_index.h"

namespace natrix::client {

namespace {

constexpr size_t kMinimum = 4;

// At most four fifths full; shrinks when less than a quarter is used.
bool too_full(size_t size, size_t capacity) {
  return size * 5 > capacity * 4;
}
bool too_empty(size_t size, size_t capacity) {
  return capacity > kMinimum * 4 && size * 4 < capacity;
}

uint64_t tag_of(uint32_t hash) {
  return static_cast<uint64_t>(hash & 0xffff) << 48;
}

}  // namespace

subject::Subscription* SubscriptionSet::find(std::string_view sid) const {
  if (slots_.empty()) return nullptr;
  uint32_t hash = subject::hash_of(sid);
  uint64_t tag = tag_of(hash);
  for (size_t at = home(hash); slots_[at] != 0; at = next(at)) {
    if ((slots_[at] ^ tag) >> kTagShift != 0) continue;
    Subscription* sub = pointer(slots_[at]);
    if (sub->sid() == sid) return sub;
  }
  return nullptr;
}

void SubscriptionSet::place(uint32_t hash, uint64_t slot) {
  size_t at = home(hash);
  while (slots_[at] != 0) at = next(at);
  slots_[at] = slot;
}

void SubscriptionSet::insert(Subscription* sub) {
  if (too_full(size_ + 1, slots_.size())) {
    resize(std::max(kMinimum, slots_.size() + slots_.size() / 2));
  }
  auto address = reinterpret_cast<uint64_t>(sub);
  NATRIX_ASSERT(address >> kTagShift == 0, "addresses have 48 bits");
  uint32_t hash = subject::hash_of(sub->sid());
  place(hash, tag_of(hash) | address);
  ++size_;
}

void SubscriptionSet::erase(const Subscription* sub) {
  NATRIX_ASSERT(size_ != 0, "an erased subscription is in the set");
  size_t hole = home(subject::hash_of(sub->sid()));
  while (pointer(slots_[hole]) != sub) {
    NATRIX_ASSERT(slots_[hole] != 0, "an erased subscription is in the set");
    hole = next(hole);
  }
  // Entries behind the hole that do not want to be behind it move up, so that no search ends early.
  for (size_t at = next(hole); slots_[at] != 0; at = next(at)) {
    size_t wanted = home(subject::hash_of(pointer(slots_[at])->sid()));
    bool stays = hole < at ? (wanted > hole && wanted <= at) : (wanted > hole || wanted <= at);
    if (stays) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = 0;
  --size_;
  if (too_empty(size_, slots_.size())) resize(std::max(kMinimum, size_ * 2));
}

void SubscriptionSet::clear() {
  slots_ = {};
  size_ = 0;
}

void SubscriptionSet::resize(size_t capacity) {
  std::vector<uint64_t> old = std::exchange(slots_, std::vector<uint64_t>(capacity));
  for (uint64_t slot : old) {
    if (slot != 0) place(subject::hash_of(pointer(slot)->sid()), slot);
  }
}

}  // namespace natrix::client
