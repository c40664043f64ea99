#include "broker/storage/stream_index.h"

#include <algorithm>

#include "broker/base/assert.h"

namespace natrix::storage {

namespace {

bool later(const Expiry& a, const Expiry& b) {
  return a.time != b.time ? a.time > b.time : a.seq > b.seq;
}

}  // namespace

Chunk& StreamIndex::writable_chunk(Seq seq) {
  if (!sealed_ && !slots_.empty() && slots_.back().chunk != nullptr) {
    Chunk& open = *slots_.back().chunk;
    if (open.count < kChunkEntriesMax && seq - open.base < kNoEntry) return open;
  }
  auto fresh = std::make_unique<Chunk>();
  fresh->number = next_number_++;
  fresh->base = seq;
  slots_.push_back({seq, std::move(fresh)});
  sealed_ = false;
  return *slots_.back().chunk;
}

StreamIndex::Place StreamIndex::append(const NewEntry& fresh) {
  NATRIX_ASSERT(fresh.seq > last_seq_, "sequences of a stream ascend");
  Chunk& chunk = writable_chunk(fresh.seq);
  SubjectId id = subjects_.intern(fresh.subject);
  uint32_t at = chunk.count++;
  chunk.entries.push_back({.seq_delta = static_cast<uint32_t>(fresh.seq - chunk.base),
                           .subject = id,
                           .offset = fresh.offset,
                           .bytes = fresh.bytes,
                           .time = fresh.time,
                           .flags = fresh.flags | (fresh.expires != 0 ? kEntryExpires : 0)});
  if (!chunk.removed.empty()) chunk.removed.push_back(false);
  chunk.last = fresh.seq;
  chunk.first_time = at == 0 ? fresh.time : std::min(chunk.first_time, fresh.time);
  chunk.last_time = at == 0 ? fresh.time : std::max(chunk.last_time, fresh.time);
  ++chunk.live;
  chunk.bytes += fresh.bytes;

  SubjectEntry& subject = subjects_[id];
  if (subject.count++ == 0) subject.first_seq = fresh.seq;
  subject.last_seq = fresh.seq;
  Postings& postings = subject.postings;
  if (postings.empty() || postings.back().chunk != chunk.number) {
    postings.insert(postings.end(), {chunk.number, 1, at, at});
  } else {
    Posting& posting = postings.back();
    chunk.entries[posting.last].next = at;
    posting.last = at;
    ++posting.count;
  }

  if (messages_++ == 0) first_seq_ = fresh.seq;
  bytes_ += fresh.bytes;
  last_seq_ = fresh.seq;
  last_time_ = fresh.time;
  if (fresh.expires != 0) add_expiry(fresh.expires, fresh.seq);
  return {&chunk, at};
}

void StreamIndex::skip(Seq through) {
  if (through <= last_seq_) return;
  last_seq_ = through;
  if (messages_ == 0) first_seq_ = through + 1;
}

bool StreamIndex::remove(Seq seq) {
  Place place = find(seq);
  if (!place) return false;
  remove(place);
  return true;
}

void StreamIndex::remove(Place place) {
  Chunk& chunk = *place.chunk;
  Seq seq = place.seq();
  uint32_t bytes = place.entry().bytes;
  if (owner_ != nullptr) owner_->removing(chunk, place.at);
  if (chunk.removed.empty()) chunk.removed.resize(chunk.count);
  chunk.removed[place.at] = true;
  unlink_subject(place);
  --chunk.live;
  chunk.bytes -= bytes;
  --messages_;
  bytes_ -= bytes;
  if (!chunk.bodies.empty()) chunk.bodies[place.at] = nullptr;
  if (chunk.live == 0) {
    bytes_ -= chunk.bytes;  // of messages that were lost to damage, sizes and all
    bool open = chunk.number + 1 == next_number_;
    if (open) seal();
    if (owner_ != nullptr) owner_->dropping(chunk);
    slots_[chunk.number - first_number_].chunk.reset();
    drop_front();
  }
  if (seq == first_seq_ || messages_ == 0) advance_first(seq + 1);
}

void StreamIndex::unlink_subject(Place place) {
  Chunk& chunk = *place.chunk;
  SubjectId id = place.entry().subject;
  SubjectEntry& subject = subjects_[id];
  if (--subject.count == 0) {
    subjects_.erase(id);
    return;
  }
  Posting* posting = subject.postings.from(chunk.number);
  NATRIX_ASSERT(posting != subject.postings.end() && posting->chunk == chunk.number,
                "a live message is in its subject's postings");
  if (--posting->count == 0) {
    if (posting == subject.postings.begin()) subject.first_seq = 0;
    if (posting + 1 == subject.postings.end()) subject.last_seq = 0;
    subject.postings.erase(posting);
    return;
  }
  if (posting->first == place.at) {
    uint32_t at = place.at;
    while (chunk.is_removed(at)) at = chunk.entries[at].next;
    posting->first = at;
    if (posting == subject.postings.begin()) subject.first_seq = seq_of(chunk, at);
  }
  if (posting->last == place.at) {
    uint32_t at = place.at;
    while (chunk.entries[at].subject != id || chunk.is_removed(at)) --at;
    posting->last = at;
    chunk.entries[at].next = kNoEntry;
    if (posting + 1 == subject.postings.end()) subject.last_seq = seq_of(chunk, at);
  }
}

void StreamIndex::drop_front() {
  while (!slots_.empty() && slots_.front().chunk == nullptr) {
    slots_.pop_front();
    ++first_number_;
  }
}

void StreamIndex::advance_first(Seq from) {
  if (messages_ == 0) {
    first_seq_ = last_seq_ + 1;
    return;
  }
  Place place = next_live(from);
  first_seq_ = place ? place.seq() : from;
}

void StreamIndex::truncate(Seq last) {
  while (messages_ > 0) {
    Place place = last_live(last_seq_);
    if (!place || place.seq() <= last) break;
    remove(place);
  }
  // Chunks end where the sequences end: entries above are forgotten, they may come again.
  while (!slots_.empty() && slots_.back().base > last) {
    slots_.pop_back();
    --next_number_;
  }
  if (!slots_.empty() && slots_.back().chunk != nullptr && slots_.back().chunk->last > last) {
    Chunk& chunk = *slots_.back().chunk;
    if (ensure(chunk)) {
      uint32_t keep = position(chunk, last + 1);
      if (owner_ != nullptr) owner_->cutting(chunk, last + 1, chunk.last);
      chunk.entries.resize(keep);
      if (!chunk.removed.empty()) chunk.removed.resize(keep);
      if (!chunk.bodies.empty()) chunk.bodies.resize(keep);
      chunk.count = keep;
      chunk.last = seq_of(chunk, keep - 1);
    }
  }
  seal();
  last_seq_ = std::min(last_seq_, last);
  if (messages_ == 0) first_seq_ = last_seq_ + 1;
  std::erase_if(expiries_, [last](const Expiry& e) { return e.seq > last; });
  std::make_heap(expiries_.begin(), expiries_.end(), later);
}

void StreamIndex::remove_below(Seq first) {
  if (first > last_seq_) {
    clear();
  } else {
    for (Place place = next_live(0); place && place.seq() < first; place = next_live(0)) {
      remove(place);
    }
  }
  if (messages_ != 0 || first == 0) return;
  last_seq_ = std::max(last_seq_, first - 1);
  first_seq_ = last_seq_ + 1;
}

void StreamIndex::clear() {
  for (Slot& slot : slots_) {
    if (owner_ != nullptr && slot.chunk != nullptr) owner_->dropping(*slot.chunk);
  }
  slots_.clear();
  first_number_ = next_number_;
  seal();
  subjects_.clear();
  messages_ = 0;
  bytes_ = 0;
  first_seq_ = last_seq_ + 1;
  expiries_.clear();
}

void StreamIndex::restore_position(Seq first_seq, Seq last_seq, Nanos last_time) {
  last_seq_ = std::max(last_seq_, last_seq);
  if (last_time != 0) last_time_ = last_time;
  if (messages_ == 0) first_seq_ = std::max(first_seq, last_seq_ + 1);
}

void StreamIndex::add_expiry(Nanos time, Seq seq) {
  if (expiries_.size() > 2 * messages_ + 1024) trim_expiries();
  expiries_.push_back({time, seq});
  std::push_heap(expiries_.begin(), expiries_.end(), later);
}

void StreamIndex::trim_expiries() {
  std::erase_if(expiries_, [this](const Expiry& e) { return !find(e.seq); });
  std::make_heap(expiries_.begin(), expiries_.end(), later);
}

std::optional<Expiry> StreamIndex::next_expiry() {
  while (!expiries_.empty()) {
    if (find(expiries_.front().seq)) return expiries_.front();
    if (failed_) return std::nullopt;
    std::pop_heap(expiries_.begin(), expiries_.end(), later);
    expiries_.pop_back();
  }
  return std::nullopt;
}

Chunk& StreamIndex::adopt(std::unique_ptr<Chunk> chunk, Seq first_live) {
  NATRIX_ASSERT(chunk->base > last_seq_, "chunks are loaded in order");
  chunk->number = next_number_++;
  if (messages_ == 0) first_seq_ = first_live;
  messages_ += chunk->live;
  bytes_ += chunk->bytes;
  last_seq_ = chunk->last;
  last_time_ = chunk->last_time;
  seal();
  slots_.push_back({chunk->base, std::move(chunk)});
  return *slots_.back().chunk;
}

SubjectId StreamIndex::adopt_subject(const Chunk& chunk, std::string_view name, uint32_t count,
                                     uint32_t first, uint32_t last, Seq first_seq, Seq last_seq) {
  SubjectId id = subjects_.intern(name);
  SubjectEntry& subject = subjects_[id];
  if (subject.count == 0) subject.first_seq = first_seq;
  subject.count += count;
  subject.last_seq = last_seq;
  subject.postings.insert(subject.postings.end(), {chunk.number, count, first, last});
  return id;
}

bool StreamIndex::ensure(Chunk& chunk) {
  if (!chunk.entries.empty()) return true;
  if (owner_ != nullptr && owner_->load_entries(chunk)) return true;
  failed_ = true;
  return false;
}

void StreamIndex::compact_chunk(Chunk& chunk, const std::vector<uint32_t>& places,
                                const std::vector<uint32_t>& offsets) {
  std::vector<IndexEntry> kept;
  std::vector<bool> removed;
  uint32_t live = 0;
  for (size_t i = 0; i < places.size(); ++i) {
    kept.push_back(chunk.entries[places[i]]);
    kept.back().offset = offsets[i];
    removed.push_back(chunk.is_removed(places[i]));
    live += !removed.back();
  }
  NATRIX_ASSERT(live == chunk.live, "all that is live is kept");
  Seq base = chunk.base;
  chunk.base = base + kept.front().seq_delta;
  for (IndexEntry& entry : kept) entry.seq_delta -= static_cast<uint32_t>(chunk.base - base);
  chunk.entries = std::move(kept);
  chunk.removed = live == places.size() ? std::vector<bool>() : std::move(removed);
  chunk.count = static_cast<uint32_t>(places.size());
  chunk.head = 0;
  chunk.last = chunk.base + chunk.entries.back().seq_delta;
  slots_[chunk.number - first_number_].base = chunk.base;
  rebuild_postings(chunk);
}

// Places in the chunk have changed: chains and postings follow.
void StreamIndex::rebuild_postings(Chunk& chunk) {
  for (uint32_t at = 0; at < chunk.count; ++at) {
    chunk.entries[at].next = kNoEntry;
    if (chunk.is_removed(at)) continue;
    subjects_[chunk.entries[at].subject].postings.from(chunk.number)->count = 0;
  }
  for (uint32_t at = 0; at < chunk.count; ++at) {
    if (chunk.is_removed(at)) continue;
    Posting& posting = *subjects_[chunk.entries[at].subject].postings.from(chunk.number);
    if (posting.count++ == 0) {
      posting.first = at;
    } else {
      chunk.entries[posting.last].next = at;
    }
    posting.last = at;
  }
}

bool StreamIndex::settle_entries(Chunk& chunk) {
  std::vector<uint32_t> found(subjects_.ids_end());
  std::vector<uint32_t> lost;
  for (uint32_t at = 0; at < chunk.count; ++at) {
    if (chunk.is_removed(at)) continue;
    SubjectId id = chunk.entries[at].subject;
    if (id == kNoSubject) {
      lost.push_back(at);
    } else {
      ++found[id];
    }
  }
  std::vector<SubjectId> owners;  // one for every lost message that is not somebody's first or last
  for (SubjectId id = 0; id < found.size(); ++id) {
    if (subjects_[id].count == 0) continue;
    Posting* posting = subjects_[id].postings.from(chunk.number);
    bool here = posting != subjects_[id].postings.end() && posting->chunk == chunk.number;
    if (found[id] > (here ? posting->count : 0)) return false;
    if (!here) continue;
    uint32_t missing = posting->count - found[id];
    for (uint32_t end : {posting->first, posting->last}) {
      if (end >= chunk.count || chunk.is_removed(end)) return false;
      if (chunk.entries[end].subject == id) continue;
      if (chunk.entries[end].subject != kNoSubject || missing-- == 0) return false;
      chunk.entries[end].subject = id;
    }
    owners.insert(owners.end(), missing, id);
  }
  for (uint32_t at : lost) {
    if (chunk.entries[at].subject != kNoSubject) continue;
    if (owners.empty()) return false;
    chunk.entries[at].subject = owners.back();
    owners.pop_back();
  }
  tie_chains(chunk);
  return owners.empty();
}

// Every live entry points to the next of its subject.
void StreamIndex::tie_chains(Chunk& chunk) {
  std::vector<uint32_t> last(subjects_.ids_end(), kNoEntry);
  for (uint32_t at = 0; at < chunk.count; ++at) {
    chunk.entries[at].next = kNoEntry;
    if (chunk.is_removed(at)) continue;
    uint32_t& previous = last[chunk.entries[at].subject];
    if (previous != kNoEntry) chunk.entries[previous].next = at;
    previous = at;
  }
}

StreamState StreamIndex::state() const {
  StreamState state;
  state.messages = messages_;
  state.bytes = bytes_;
  state.first_seq = first_seq_;
  state.last_seq = last_seq_;
  state.last_time = last_time_;
  state.subjects = subjects_.size();
  if (messages_ > 0) state.deleted = last_seq_ - first_seq_ + 1 - messages_;
  return state;
}

}  // namespace natrix::storage
