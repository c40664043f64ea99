// SubjectTable: the subjects of one stream's live messages: how many, first, last, and in which
// chunks of the index they are. Finds one subject by hash and all that match a filter in byte
// order.
//
// Part of StreamIndex, used on its thread. About 80 bytes a subject besides its name.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "broker/storage/filter.h"
#include "broker/storage/types.h"

namespace natrix::storage {

using SubjectId = uint32_t;
inline constexpr SubjectId kNoSubject = ~SubjectId{0};

// The live messages of one subject in one chunk.
struct Posting {
  uint32_t chunk = 0;  // number of the chunk
  uint32_t count = 0;
  uint32_t first = 0;  // places in the chunk
  uint32_t last = 0;
};

// Ascending by chunk. Most subjects are in one chunk only, which costs no allocation.
class Postings {
 public:
  Postings() = default;
  ~Postings() { release(); }
  Postings(Postings&& other) noexcept { steal(other); }
  Postings& operator=(Postings&& other) noexcept {
    if (this != &other) {
      release();
      steal(other);
    }
    return *this;
  }

  [[nodiscard]] uint32_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  Posting* begin() { return capacity_ == 0 ? &one_ : many_; }
  Posting* end() { return begin() + size_; }
  Posting& back() { return *(end() - 1); }
  Posting& front() { return *begin(); }
  // The first with chunk >= `chunk`, or end().
  Posting* from(uint32_t chunk);
  void insert(Posting* before, const Posting& posting);
  void erase(Posting* posting);

 private:
  void release();
  void steal(Postings& other);

  uint32_t size_ = 0;
  uint32_t capacity_ = 0;  // 0: `one_` is in use
  union {
    Posting one_{};
    Posting* many_;
  };
};

struct SubjectEntry {
  std::unique_ptr<char[]> name;
  uint32_t name_size = 0;
  uint32_t hash = 0;
  uint64_t count = 0;
  Seq first_seq = 0;  // 0: not known, to be looked up in the first posting's chunk
  Seq last_seq = 0;   // 0: likewise in the last posting's
  Postings postings;
  bool ordered = false;  // has a place in the order

  [[nodiscard]] std::string_view text() const { return {name.get(), name_size}; }
};

class SubjectTable {
 public:
  // The id of a subject, made if need be. Ids of removed subjects are given out again.
  SubjectId intern(std::string_view subject);
  [[nodiscard]] SubjectId find(std::string_view subject) const;
  void erase(SubjectId id);
  void clear();

  SubjectEntry& operator[](SubjectId id) { return entries_[id]; }
  [[nodiscard]] size_t size() const { return size_; }
  // Above every id in use.
  [[nodiscard]] size_t ids_end() const { return entries_.size(); }

  // Ids whose subjects match, ascending in byte order, until visit(id) returns false. The table
  // must not change meanwhile.
  template <class F>
  void each(const Filter& filter, F&& visit) {
    if (filter.is_literal()) {
      SubjectId id = find(filter.patterns().front());
      if (id != kNoSubject) visit(id);
      return;
    }
    std::string_view prefix = common_prefix(filter);
    for (Cursor at = seek(prefix); !at.done(); at.next()) {
      std::string_view name = entries_[*at].text();
      if (!name.starts_with(prefix)) return;
      if (filter.matches(name) && !visit(*at)) return;
    }
  }

 private:
  // Walks the order. Buckets are never empty.
  class Cursor {
   public:
    Cursor(const std::vector<std::vector<SubjectId>>& buckets, size_t bucket, size_t at)
        : buckets_(buckets), bucket_(bucket), at_(at) {}
    [[nodiscard]] bool done() const { return bucket_ == buckets_.size(); }
    SubjectId operator*() const { return buckets_[bucket_][at_]; }
    void next() {
      if (++at_ == buckets_[bucket_].size()) {
        ++bucket_;
        at_ = 0;
      }
    }

   private:
    const std::vector<std::vector<SubjectId>>& buckets_;
    size_t bucket_;
    size_t at_;
  };

  static std::string_view common_prefix(const Filter& filter);
  Cursor seek(std::string_view from);
  void settle_order();
  void drop_dead_newcomers();
  void rebuild_order();
  void place(SubjectId id);
  void unplace(SubjectId id);
  [[nodiscard]] size_t bucket_of(std::string_view name) const;
  void grow();
  [[nodiscard]] size_t slot_of(SubjectId id) const;

  std::vector<SubjectEntry> entries_;
  std::vector<SubjectId> free_;
  std::vector<SubjectId> slots_;  // open addressing, linear probing; size a power of two
  size_t size_ = 0;

  std::vector<std::vector<SubjectId>> buckets_;  // in byte order, each at most kBucketMax
  std::vector<SubjectId> newcomers_;             // not placed yet: nobody has asked for the order
};

}  // namespace natrix::storage
