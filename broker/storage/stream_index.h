// StreamIndex: which messages a stream has, by sequence and by subject, without their content. The
// same for memory and file streams. Used on the stream's thread.
//
// Cost: append, remove and look-up by sequence are O(1) apart from a binary search over chunks;
// questions about one subject touch the chunks that hold it; questions with wildcards enumerate the
// subjects that match, or scan one chunk where that is cheaper.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/storage/chunk.h"
#include "broker/storage/filter.h"
#include "broker/storage/stream_store.h"
#include "broker/storage/subject_table.h"

namespace natrix::storage {

// Keeps books about chunks and brings back entries that were dropped from memory.
class ChunkOwner {
 public:
  virtual ~ChunkOwner() = default;
  // Fills chunk.entries (count of them, subjects as ids of the table). False: they cannot be read;
  // has been reported.
  virtual bool load_entries(Chunk& chunk) = 0;
  // A live entry is about to be removed.
  virtual void removing(Chunk& chunk, uint32_t at) = 0;
  // The chunk is about to go; what is live in it goes with it.
  virtual void dropping(Chunk& chunk) = 0;
  // Removed entries with these sequences are about to be cut off the chunk's end.
  virtual void cutting(Chunk& chunk, Seq first, Seq last) = 0;
};

class StreamIndex {
 public:
  struct Place {
    Chunk* chunk = nullptr;  // null: not found
    uint32_t at = 0;
    explicit operator bool() const { return chunk != nullptr; }
    [[nodiscard]] const IndexEntry& entry() const { return chunk->entries[at]; }
    [[nodiscard]] Seq seq() const { return chunk->base + entry().seq_delta; }
  };
  struct NewEntry {
    Seq seq = 0;  // above last_seq
    std::string_view subject;
    uint32_t bytes = 0;
    uint32_t offset = 0;
    uint32_t flags = 0;
    Nanos time = 0;
    Nanos expires = 0;
  };

  explicit StreamIndex(Seq first_seq = 1) : first_seq_(first_seq), last_seq_(first_seq - 1) {}
  void set_owner(ChunkOwner* owner) { owner_ = owner; }

  // The chunk is new when it has one entry.
  Place append(const NewEntry& entry);
  // The next append begins a new chunk.
  void seal() { sealed_ = true; }
  // Raises last_seq.
  void skip(Seq through);
  // False: not there.
  bool remove(Seq seq);
  void remove(Place place);
  // Forgets everything above `last`; sequences above are free again.
  void truncate(Seq last);
  // Removes everything below `first`; if nothing is left, `first` is what comes next.
  void remove_below(Seq first);
  // Everything goes; the sequences stay used.
  void clear();

  Place find(Seq seq);
  Place next_live(Seq from);
  Place last_live(Seq at_most);
  Seq next(const Filter& filter, Seq from);
  Seq last(const Filter& filter, Seq at_most);
  Seq at_time(Nanos time);

  SubjectState subject(std::string_view subject);
  SubjectState subject_state(SubjectId id);
  SubjectTable& subjects() { return subjects_; }
  Pending pending(const Filter& filter, Seq from, bool last_per_subject);
  uint64_t matching(const Filter& filter, Seq below);
  std::vector<SeqRange> deleted(size_t limit);
  std::optional<Expiry> next_expiry();
  // Loading: the message at `seq` expires at `time`.
  void add_expiry(Nanos time, Seq seq);

  [[nodiscard]] StreamState state() const;
  [[nodiscard]] Seq first_seq() const { return first_seq_; }
  [[nodiscard]] Seq last_seq() const { return last_seq_; }
  [[nodiscard]] uint64_t messages() const { return messages_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  // Where an empty stream continues; the highest sequence ever and its time.
  void restore_position(Seq first_seq, Seq last_seq, Nanos last_time);

  // Chunks ascending; null: all its messages are gone.
  struct Slot {
    Seq base = 0;
    std::unique_ptr<Chunk> chunk;
  };
  std::deque<Slot>& slots() { return slots_; }
  Chunk* chunk(uint32_t number);
  // Adds a chunk behind the last, as loaded from an index file: its subjects are added by
  // adopt_subject. `base` must be above all there is; `first_live` is its first message.
  Chunk& adopt(std::unique_ptr<Chunk> chunk, Seq first_live);
  SubjectId adopt_subject(const Chunk& chunk, std::string_view name, uint32_t count, uint32_t first,
                          uint32_t last, Seq first_seq, Seq last_seq);
  // Keeps of a chunk's entries those at `places` (ascending, all live ones among them), with new
  // offsets in the same order.
  void compact_chunk(Chunk& chunk, const std::vector<uint32_t>& places,
                     const std::vector<uint32_t>& offsets);
  // The chunk's entries have been made anew from its messages, kNoSubject where a message is lost:
  // those get the subjects that miss a message, and the chains are tied again. False: the messages
  // do not fit what is known of the chunk.
  bool settle_entries(Chunk& chunk);
  // Entries present or brought back; false: cannot be read.
  bool ensure(Chunk& chunk);
  // True once after a question could not be answered completely for want of entries.
  bool take_failure() { return std::exchange(failed_, false); }

 private:
  static constexpr size_t kScanFirst = 256;
  static constexpr size_t kFewSubjects = 64;

  // Slot whose chunk may hold `seq`: the last with base <= seq; npos if none.
  [[nodiscard]] size_t slot_of(Seq seq) const;
  // First entry with sequence >= seq (count: none).
  uint32_t position(Chunk& chunk, Seq seq);
  Seq seq_of(Chunk& chunk, uint32_t at) { return chunk.base + chunk.entries[at].seq_delta; }
  Chunk& writable_chunk(Seq seq);
  void drop_front();
  void advance_first(Seq from);
  void unlink_subject(Place place);
  Seq first_of(SubjectEntry& subject);
  Seq last_of(SubjectEntry& subject);
  Seq next_of(SubjectEntry& subject, Seq from);
  Seq last_of(SubjectEntry& subject, Seq at_most);
  Seq next_in_posting(SubjectEntry& subject, const Posting& posting, Seq from);
  Seq next_wildcard(const Filter& filter, Seq from);
  Seq scan_chunk(const std::vector<bool>& ids, Chunk& chunk, Seq from);
  Seq scan_some(const Filter& filter, Seq from);
  uint64_t live_from(Chunk& chunk, Seq from);
  uint64_t count_last_per_subject(const Filter& filter, Seq from);
  uint64_t matching_from(const Filter& filter, Seq from);
  void rebuild_postings(Chunk& chunk);
  void tie_chains(Chunk& chunk);
  void trim_expiries();

  ChunkOwner* owner_ = nullptr;
  std::deque<Slot> slots_;
  uint32_t first_number_ = 0;  // of slots_.front()
  uint32_t next_number_ = 0;
  bool sealed_ = true;
  bool failed_ = false;

  SubjectTable subjects_;
  Seq first_seq_;
  Seq last_seq_;
  Nanos last_time_ = 0;
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
  std::vector<Expiry> expiries_;  // a heap; entries of removed messages go when they come up
};

}  // namespace natrix::storage
