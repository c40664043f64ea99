// The stream's part in archiving, and the books it keeps about its chunks.
#include <algorithm>
#include <unordered_map>

#include "broker/storage/file_stream_store.h"
#include "broker/storage/varint.h"

namespace natrix::storage {

// --- books ------------------------------------------------------------------------------------

void FileStreamStore::removing(Chunk& chunk, uint32_t at) {
  uint32_t length = record_bytes(chunk.entries[at]);
  chunk.record_bytes -= length;
  chunk.home->live_bytes.fetch_sub(length, std::memory_order_relaxed);
  Share& share = share_of(chunk.home);
  if (share.word == 0) share.word = word_segment();
}

void FileStreamStore::dropping(Chunk& chunk) {
  chunk.home->live_bytes.fetch_sub(static_cast<int64_t>(chunk.record_bytes));
  chunk.record_bytes = 0;
  forget_entries(chunk);
  Share& share = share_of(chunk.home);
  if (share.word == 0) share.word = word_segment();
  share.gone.push_back({chunk.base, chunk.last});
}

// After a truncation higher sequences may come, so that their coming does not tell that these went.
void FileStreamStore::cutting(Chunk& chunk, Seq first, Seq last) {
  Share& share = share_of(chunk.home);
  if (share.word == 0) share.word = word_segment();
  share.gone.push_back({first, last});
}

// The chunk's entries do not count as droppable any more.
void FileStreamStore::forget_entries(Chunk& chunk) {
  auto found = std::find(droppable_.begin(), droppable_.end(), &chunk);
  if (found == droppable_.end()) return;
  core_.index_memory.fetch_sub(chunk.entries.size() * sizeof(IndexEntry));
  droppable_.erase(found);
}

void FileStreamStore::keep_entries_within_budget(const Chunk& spare) {
  while (core_.index_memory.load() > core_.options.index_memory_max && droppable_.size() > 1) {
    Chunk* oldest = droppable_.front() == &spare ? droppable_[1] : droppable_.front();
    forget_entries(*oldest);
    std::vector<IndexEntry>().swap(oldest->entries);
  }
}

// --- archiving ----------------------------------------------------------------------------------

namespace {

// Subjects of a chunk, numbered in the order they are met.
class LocalSubjects {
 public:
  LocalSubjects(SubjectTable& table, IndexedChunk& out) : table_(table), out_(out) {}

  uint32_t meet(SubjectId id, uint32_t at, Seq seq) {
    auto [known, fresh] = places_.emplace(id, static_cast<uint32_t>(out_.subjects.size()));
    if (fresh) out_.subjects.push_back({std::string(table_[id].text()), 0, at, at, seq, seq});
    IndexedSubject& subject = out_.subjects[known->second];
    ++subject.count;
    subject.last = at;
    subject.last_seq = seq;
    return known->second;
  }

 private:
  SubjectTable& table_;
  IndexedChunk& out_;
  std::unordered_map<SubjectId, uint32_t> places_;
};

}  // namespace

bool FileStreamStore::copy_chunks(const Segment& segment, std::vector<ChunkCopy>& out) {
  // Whatever these copies do not have any more is in the log before they count.
  flush_changes();
  if (shares_.find(segment.number) == shares_.end()) return true;
  if (open_segment_ != nullptr && open_segment_->number == segment.number) {
    open_segment_ = nullptr;  // its last chunk is complete
    index_.seal();
  }
  for (StreamIndex::Slot& slot : index_.slots()) {
    Chunk* chunk = slot.chunk.get();
    if (chunk == nullptr || chunk->home->number != segment.number) continue;
    if (!index_.ensure(*chunk)) return !index_.take_failure();
    ChunkCopy copy;
    copy.uid = chunk->uid;
    copy.number = chunk->number;
    IndexedChunk& to = copy.chunk;
    to.stream = info_.id;
    to.base = chunk->base;
    to.last = chunk->last;
    to.count = chunk->count;
    to.live = chunk->live;
    to.bytes = chunk->bytes;
    to.record_bytes = chunk->record_bytes;
    to.first_time = chunk->first_time;
    to.last_time = chunk->last_time;
    to.entries = chunk->entries;
    LocalSubjects subjects(index_.subjects(), to);
    for (uint32_t at = 0; at < chunk->count; ++at) {
      IndexEntry& entry = to.entries[at];
      if (chunk->is_removed(at)) {
        entry.flags |= kEntryRemoved;
        entry.subject = 0;
      } else {
        entry.subject = subjects.meet(entry.subject, at, chunk->base + entry.seq_delta);
      }
    }
    out.push_back(std::move(copy));
  }
  return true;
}

bool FileStreamStore::repeat_words(uint64_t number) {
  flush_changes();
  if (description_word_ <= number) {
    log_description();
  } else if (said_first_ != index_.first_seq()) {
    // What is removed below the first sequence is not said again one by one (say_gone): the log
    // must know, behind `number`, how far that goes.
    log_position();
  }
  for (auto& [name, consumer] : consumers_) {
    if (consumer->word <= number) consumer->log_everything();
  }
  return say_gone(number);
}

namespace {

// Takes [first, last] out of every range.
void subtract(std::vector<SeqRange>& ranges, Seq first, Seq last) {
  std::vector<SeqRange> left;
  for (SeqRange range : ranges) {
    if (range.last < first || range.first > last) {
      left.push_back(range);
      continue;
    }
    if (range.first < first) left.push_back({range.first, first - 1});
    if (range.last > last) left.push_back({last + 1, range.last});
  }
  ranges = std::move(left);
}

}  // namespace

// Says again what is gone of the segments up to `through` and of those about which it was last said
// in one of them.
bool FileStreamStore::say_gone(uint64_t through) {
  std::map<uint64_t, std::vector<SeqRange>> gone;
  for (auto& [number, share] : shares_) {
    if (number != through && (share.word == 0 || share.word > through)) continue;
    std::erase_if(share.gone, [this](SeqRange r) { return r.last < index_.first_seq(); });
    gone[number] = share.gone;
  }
  if (!collect_gone(gone)) return false;
  for (auto& [number, ranges] : gone) {
    shares_[number].word = 0;
    if (ranges.empty()) continue;
    shares_[number].word = word_segment();
    std::string body;
    put_varint(body, number);
    put_ranges(body, ranges);
    log_record(RecordType::kGone, body, Urgency::kLazy);
  }
  return true;
}

// Adds to the ranges of every segment that is asked for what its chunks know to be removed.
bool FileStreamStore::collect_gone(std::map<uint64_t, std::vector<SeqRange>>& gone) {
  // After a truncation the same sequences may have come again in the same segment.
  for (StreamIndex::Slot& slot : index_.slots()) {
    if (slot.chunk == nullptr) continue;
    auto wanted = gone.find(slot.chunk->home->number);
    if (wanted != gone.end() && !wanted->second.empty()) {
      subtract(wanted->second, slot.chunk->base, slot.chunk->last);
    }
  }
  for (StreamIndex::Slot& slot : index_.slots()) {
    Chunk* chunk = slot.chunk.get();
    if (chunk == nullptr || chunk->removed.empty()) continue;
    auto wanted = gone.find(chunk->home->number);
    if (wanted == gone.end()) continue;
    if (!index_.ensure(*chunk)) return !index_.take_failure();
    for (uint32_t at = 0; at < chunk->count; ++at) {
      Seq seq = chunk->base + chunk->entries[at].seq_delta;
      if (!chunk->is_removed(at) || seq < index_.first_seq()) continue;
      std::vector<SeqRange>& ranges = wanted->second;
      if (!ranges.empty() && ranges.back().last + 1 == seq) {
        ranges.back().last = seq;
      } else {
        ranges.push_back({seq, seq});
      }
    }
  }
  return true;
}

void FileStreamStore::install(const std::shared_ptr<Segment>& segment,
                              const std::vector<ChunkCopy>& copies,
                              const std::shared_ptr<SegmentData>& index,
                              const std::shared_ptr<SegmentData>& rewritten, uint64_t erasures) {
  bool erased = rewritten != nullptr && segment->erasures.load() != erasures;
  for (const ChunkCopy& copy : copies) {
    Chunk* chunk = index_.chunk(copy.number);
    bool there = chunk != nullptr && chunk->uid == copy.uid && index_.ensure(*chunk);
    if (erased) erase_copies(segment, copy, there ? chunk : nullptr, rewritten);
    if (!there) continue;
    forget_entries(*chunk);
    if (rewritten != nullptr) {
      std::vector<uint32_t> offsets;
      for (const IndexEntry& entry : copy.chunk.entries) offsets.push_back(entry.offset);
      // Truncated meanwhile: what is left are the first of them.
      std::vector<uint32_t> places = copy.places;
      while (!places.empty() && places.back() >= chunk->count) places.pop_back();
      offsets.resize(places.size());
      index_.compact_chunk(*chunk, places, offsets);
      chunk->data = rewritten;
    }
    chunk->index = index;
    chunk->stored = copy.chunk.stored;
    core_.index_memory.fetch_add(chunk->entries.size() * sizeof(IndexEntry));
    droppable_.push_back(chunk);
    keep_entries_within_budget(*chunk);
  }
}

// Messages may have been overwritten in the old file after they were copied to the new one:
// whatever of the copy is gone by now is overwritten there too.
void FileStreamStore::erase_copies(const std::shared_ptr<Segment>& segment, const ChunkCopy& copy,
                                   const Chunk* chunk, const std::shared_ptr<SegmentData>& data) {
  for (size_t i = 0; i < copy.places.size(); ++i) {
    uint32_t at = copy.places[i];
    if (chunk != nullptr && at < chunk->count && !chunk->is_removed(at)) continue;
    const IndexEntry& entry = copy.chunk.entries[i];
    if ((entry.flags & kEntryLost) != 0) continue;
    core_.log->erase_after({segment, data, entry.offset, record_bytes(entry)});
  }
}

void FileStreamStore::forget_segment(uint64_t number) {
  shares_.erase(number);
}

}  // namespace natrix::storage
