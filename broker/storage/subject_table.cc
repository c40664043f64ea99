#include "broker/storage/subject_table.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "broker/base/assert.h"

namespace natrix::storage {

namespace {

constexpr size_t kBucketMax = 512;

uint32_t hash_of(std::string_view text) {
  return static_cast<uint32_t>(XXH3_64bits(text.data(), text.size()));
}

}  // namespace

Posting* Postings::from(uint32_t chunk) {
  // Questions are mostly about the newest chunk or the oldest.
  if (size_ == 0 || back().chunk < chunk) return end();
  if (front().chunk >= chunk) return begin();
  return std::lower_bound(begin(), end(), chunk,
                          [](const Posting& p, uint32_t wanted) { return p.chunk < wanted; });
}

void Postings::insert(Posting* before, const Posting& posting) {
  size_t at = static_cast<size_t>(before - begin());
  if (size_ == 0) {
    *begin() = posting;
    size_ = 1;
    return;
  }
  if (capacity_ == 0 || size_ == capacity_) {
    uint32_t capacity = capacity_ == 0 ? 2 : capacity_ * 2;
    auto* grown = new Posting[capacity];
    std::copy(begin(), end(), grown);
    uint32_t size = size_;
    release();
    size_ = size;
    capacity_ = capacity;
    many_ = grown;
  }
  Posting* place = begin() + at;
  std::move_backward(place, end(), end() + 1);
  *place = posting;
  ++size_;
}

void Postings::erase(Posting* posting) {
  std::move(posting + 1, end(), posting);
  --size_;
  if (size_ == 0) release();
}

void Postings::release() {
  if (capacity_ != 0) delete[] many_;
  capacity_ = 0;
  size_ = 0;
  one_ = {};
}

void Postings::steal(Postings& other) {
  size_ = other.size_;
  capacity_ = other.capacity_;
  if (capacity_ == 0) {
    one_ = other.one_;
  } else {
    many_ = other.many_;
  }
  other.capacity_ = 0;
  other.size_ = 0;
  other.one_ = {};
}

SubjectId SubjectTable::find(std::string_view subject) const {
  if (slots_.empty()) return kNoSubject;
  uint32_t hash = hash_of(subject);
  for (size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    SubjectId id = slots_[at];
    if (id == kNoSubject) return kNoSubject;
    const SubjectEntry& entry = entries_[id];
    if (entry.hash == hash && entry.text() == subject) return id;
  }
}

SubjectId SubjectTable::intern(std::string_view subject) {
  SubjectId id = find(subject);
  if (id != kNoSubject) return id;
  if ((size_ + 1) * 4 > slots_.size() * 3) grow();
  if (newcomers_.size() > 2 * size_ + 1024) drop_dead_newcomers();
  if (free_.empty()) {
    id = static_cast<SubjectId>(entries_.size());
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  SubjectEntry& entry = entries_[id];
  entry.name = std::make_unique_for_overwrite<char[]>(subject.size());
  std::memcpy(entry.name.get(), subject.data(), subject.size());
  entry.name_size = static_cast<uint32_t>(subject.size());
  entry.hash = hash_of(subject);
  ++size_;
  slots_[slot_of(id)] = id;
  newcomers_.push_back(id);
  return id;
}

// Where `id` is, or the free slot where it belongs.
size_t SubjectTable::slot_of(SubjectId id) const {
  size_t at = entries_[id].hash & (slots_.size() - 1);
  while (slots_[at] != kNoSubject && slots_[at] != id) at = (at + 1) & (slots_.size() - 1);
  return at;
}

void SubjectTable::grow() {
  std::vector<SubjectId> old = std::move(slots_);
  slots_.assign(std::max<size_t>(16, old.size() * 2), kNoSubject);
  for (SubjectId id : old) {
    if (id != kNoSubject) slots_[slot_of(id)] = id;
  }
}

void SubjectTable::erase(SubjectId id) {
  size_t mask = slots_.size() - 1;
  size_t hole = slot_of(id);
  NATRIX_ASSERT(slots_[hole] == id, "only known subjects are erased");
  // Linear probing without marks: what follows moves up if it would not be found any more.
  for (size_t at = (hole + 1) & mask; slots_[at] != kNoSubject; at = (at + 1) & mask) {
    size_t home = entries_[slots_[at]].hash & mask;
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      slots_[hole] = slots_[at];
      hole = at;
    }
  }
  slots_[hole] = kNoSubject;
  --size_;
  bool ordered = entries_[id].ordered;
  if (ordered) unplace(id);
  entries_[id] = SubjectEntry{};
  // A newcomer's id stands in newcomers_ and is free only when that has been walked.
  if (ordered) free_.push_back(id);
}

void SubjectTable::clear() {
  *this = SubjectTable();
}

// The literal text that all subjects which match must begin with.
std::string_view SubjectTable::common_prefix(const Filter& filter) {
  if (filter.patterns().size() != 1) return {};
  std::string_view pattern = filter.patterns().front();
  for (size_t at = pattern.find_first_of("*>"); at != std::string_view::npos;
       at = pattern.find_first_of("*>", at + 1)) {
    bool starts = at == 0 || pattern[at - 1] == '.';
    bool ends = at + 1 == pattern.size() || pattern[at + 1] == '.';
    if (starts && ends) return pattern.substr(0, at);
  }
  return pattern;
}

size_t SubjectTable::bucket_of(std::string_view name) const {
  auto after = std::upper_bound(buckets_.begin(), buckets_.end(), name,
                                [this](std::string_view n, const std::vector<SubjectId>& bucket) {
                                  return n < entries_[bucket.front()].text();
                                });
  return after == buckets_.begin() ? 0 : static_cast<size_t>(after - buckets_.begin()) - 1;
}

SubjectTable::Cursor SubjectTable::seek(std::string_view from) {
  settle_order();
  if (buckets_.empty()) return {buckets_, 0, 0};
  size_t bucket = bucket_of(from);
  const std::vector<SubjectId>& ids = buckets_[bucket];
  auto place = std::lower_bound(
      ids.begin(), ids.end(), from,
      [this](SubjectId id, std::string_view n) { return entries_[id].text() < n; });
  if (place == ids.end()) return {buckets_, bucket + 1, 0};
  return {buckets_, bucket, static_cast<size_t>(place - ids.begin())};
}

void SubjectTable::drop_dead_newcomers() {
  std::erase_if(newcomers_, [this](SubjectId id) {
    bool dead = entries_[id].name == nullptr;
    if (dead) free_.push_back(id);
    return dead;
  });
}

void SubjectTable::settle_order() {
  if (newcomers_.empty()) return;
  drop_dead_newcomers();
  if (newcomers_.size() > size_ / 8 + 16) {
    rebuild_order();
  } else {
    for (SubjectId id : newcomers_) place(id);
  }
  newcomers_.clear();
}

void SubjectTable::rebuild_order() {
  std::vector<SubjectId> all = std::move(newcomers_);
  for (const std::vector<SubjectId>& bucket : buckets_) {
    all.insert(all.end(), bucket.begin(), bucket.end());
  }
  std::sort(all.begin(), all.end(),
            [this](SubjectId a, SubjectId b) { return entries_[a].text() < entries_[b].text(); });
  buckets_.clear();
  for (size_t at = 0; at < all.size(); at += kBucketMax / 2) {
    auto end = all.begin() + static_cast<ptrdiff_t>(std::min(all.size(), at + kBucketMax / 2));
    buckets_.emplace_back(all.begin() + static_cast<ptrdiff_t>(at), end);
  }
  for (SubjectId id : all) entries_[id].ordered = true;
}

void SubjectTable::place(SubjectId id) {
  std::string_view name = entries_[id].text();
  entries_[id].ordered = true;
  if (buckets_.empty()) {
    buckets_.push_back({id});
    return;
  }
  size_t at = bucket_of(name);
  std::vector<SubjectId>& bucket = buckets_[at];
  bucket.insert(std::upper_bound(bucket.begin(), bucket.end(), name,
                                 [this](std::string_view n, SubjectId other) {
                                   return n < entries_[other].text();
                                 }),
                id);
  if (bucket.size() <= kBucketMax) return;
  std::vector<SubjectId> upper(bucket.begin() + kBucketMax / 2, bucket.end());
  bucket.resize(kBucketMax / 2);
  buckets_.insert(buckets_.begin() + static_cast<ptrdiff_t>(at) + 1, std::move(upper));
}

void SubjectTable::unplace(SubjectId id) {
  size_t at = bucket_of(entries_[id].text());
  std::vector<SubjectId>& bucket = buckets_[at];
  bucket.erase(std::find(bucket.begin(), bucket.end(), id));
  if (bucket.empty()) buckets_.erase(buckets_.begin() + static_cast<ptrdiff_t>(at));
}

}  // namespace natrix::storage
