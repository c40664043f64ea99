// The questions of StreamIndex: by sequence, by time, by subject.
#include <algorithm>

#include "broker/storage/stream_index.h"

namespace natrix::storage {

Chunk* StreamIndex::chunk(uint32_t number) {
  if (number < first_number_ || number >= next_number_) return nullptr;
  return slots_[number - first_number_].chunk.get();
}

size_t StreamIndex::slot_of(Seq seq) const {
  auto after = std::upper_bound(slots_.begin(), slots_.end(), seq,
                                [](Seq wanted, const Slot& slot) { return wanted < slot.base; });
  return after == slots_.begin() ? slots_.size() : static_cast<size_t>(after - slots_.begin()) - 1;
}

uint32_t StreamIndex::position(Chunk& chunk, Seq seq) {
  if (seq <= chunk.base) return 0;
  if (seq > chunk.last) return chunk.count;
  auto delta = static_cast<uint32_t>(seq - chunk.base);
  if (chunk.dense()) return delta;
  auto place = std::lower_bound(chunk.entries.begin(), chunk.entries.end(), delta,
                                [](const IndexEntry& e, uint32_t d) { return e.seq_delta < d; });
  return static_cast<uint32_t>(place - chunk.entries.begin());
}

StreamIndex::Place StreamIndex::find(Seq seq) {
  if (seq < first_seq_ || seq > last_seq_ || messages_ == 0) return {};
  size_t slot = slot_of(seq);
  if (slot == slots_.size()) return {};
  Chunk* chunk = slots_[slot].chunk.get();
  if (chunk == nullptr || seq > chunk->last || !ensure(*chunk)) return {};
  uint32_t at = position(*chunk, seq);
  if (at == chunk->count || seq_of(*chunk, at) != seq || chunk->is_removed(at)) return {};
  return {chunk, at};
}

StreamIndex::Place StreamIndex::next_live(Seq from) {
  from = std::max(from, first_seq_);
  if (from > last_seq_ || messages_ == 0) return {};
  size_t slot = slot_of(from);
  if (slot == slots_.size()) slot = 0;
  for (; slot < slots_.size(); ++slot) {
    Chunk* chunk = slots_[slot].chunk.get();
    if (chunk == nullptr || chunk->last < from || !ensure(*chunk)) continue;
    uint32_t at = std::max(position(*chunk, from), chunk->head);
    bool from_head = at == chunk->head;
    while (at < chunk->count && chunk->is_removed(at)) ++at;
    if (from_head) chunk->head = at;
    if (at < chunk->count) return {chunk, at};
  }
  return {};
}

StreamIndex::Place StreamIndex::last_live(Seq at_most) {
  if (messages_ == 0 || at_most < first_seq_) return {};
  size_t slot = slot_of(at_most);
  if (slot == slots_.size()) return {};
  for (size_t above = slot + 1; above-- > 0;) {
    Chunk* chunk = slots_[above].chunk.get();
    if (chunk == nullptr || !ensure(*chunk)) continue;
    uint32_t at = at_most == ~Seq{0} ? chunk->count : position(*chunk, at_most + 1);
    while (at > 0) {
      if (!chunk->is_removed(--at)) return {chunk, at};
    }
  }
  return {};
}

Seq StreamIndex::at_time(Nanos time) {
  for (Slot& slot : slots_) {
    if (slot.chunk == nullptr || slot.chunk->last_time < time) continue;
    if (!ensure(*slot.chunk)) continue;
    for (uint32_t at = slot.chunk->head; at < slot.chunk->count; ++at) {
      if (!slot.chunk->is_removed(at) && slot.chunk->entries[at].time >= time) {
        return seq_of(*slot.chunk, at);
      }
    }
  }
  return last_seq_ + 1;
}

// --- one subject ---------------------------------------------------------------------------

Seq StreamIndex::first_of(SubjectEntry& subject) {
  if (subject.first_seq == 0) {
    Posting& posting = subject.postings.front();
    Chunk& home = *chunk(posting.chunk);
    if (!ensure(home)) return 0;
    subject.first_seq = seq_of(home, posting.first);
  }
  return subject.first_seq;
}

Seq StreamIndex::last_of(SubjectEntry& subject) {
  if (subject.last_seq == 0) {
    Posting& posting = subject.postings.back();
    Chunk& home = *chunk(posting.chunk);
    if (!ensure(home)) return 0;
    subject.last_seq = seq_of(home, posting.last);
  }
  return subject.last_seq;
}

Seq StreamIndex::next_in_posting(SubjectEntry& subject, const Posting& posting, Seq from) {
  Chunk& home = *chunk(posting.chunk);
  if (!ensure(home)) return 0;
  SubjectId id = home.entries[posting.first].subject;
  Seq first = seq_of(home, posting.first);
  if (from <= first) return first;
  uint32_t at = position(home, from);
  // A frequent subject is soon met by walking entries, a rare one by walking its chain.
  if (uint64_t{posting.count} * posting.count > home.count) {
    for (; at <= posting.last && at < home.count; ++at) {
      if (home.entries[at].subject == id && !home.is_removed(at)) return seq_of(home, at);
    }
    return 0;
  }
  (void)subject;
  for (uint32_t link = posting.first; link != kNoEntry; link = home.entries[link].next) {
    if (link >= at && !home.is_removed(link)) return seq_of(home, link);
  }
  return 0;
}

Seq StreamIndex::next_of(SubjectEntry& subject, Seq from) {
  Seq last = last_of(subject);
  if (last != 0 && from > last) return 0;
  if (from <= first_seq_ || (subject.first_seq != 0 && from <= subject.first_seq)) {
    return first_of(subject);
  }
  size_t slot = slot_of(from);
  uint32_t number = slot == slots_.size() ? 0 : first_number_ + static_cast<uint32_t>(slot);
  for (Posting* p = subject.postings.from(number); p != subject.postings.end(); ++p) {
    if (Seq found = next_in_posting(subject, *p, from)) return found;
  }
  return 0;
}

Seq StreamIndex::last_of(SubjectEntry& subject, Seq at_most) {
  Seq last = last_of(subject);
  if (last != 0 && at_most >= last) return last;
  size_t slot = slot_of(at_most);
  if (slot == slots_.size()) return 0;
  uint32_t number = first_number_ + static_cast<uint32_t>(slot);
  Posting* p = subject.postings.from(number + 1);
  while (p != subject.postings.begin()) {
    --p;
    Chunk& home = *chunk(p->chunk);
    if (!ensure(home)) continue;
    SubjectId id = home.entries[p->first].subject;
    uint32_t at = std::min(position(home, at_most + 1), p->last + 1);
    while (at > p->first) {
      --at;
      if (home.entries[at].subject == id && !home.is_removed(at)) return seq_of(home, at);
    }
  }
  return 0;
}

SubjectState StreamIndex::subject_state(SubjectId id) {
  SubjectEntry& subject = subjects_[id];
  return {subject.count, first_of(subject), last_of(subject)};
}

SubjectState StreamIndex::subject(std::string_view name) {
  SubjectId id = subjects_.find(name);
  return id == kNoSubject ? SubjectState{} : subject_state(id);
}

// --- filters -------------------------------------------------------------------------------

Seq StreamIndex::next(const Filter& filter, Seq from) {
  if (filter.everything()) {
    Place place = next_live(from);
    return place ? place.seq() : 0;
  }
  if (from > last_seq_ || messages_ == 0) return 0;
  if (filter.is_literal()) {
    SubjectId id = subjects_.find(filter.patterns().front());
    return id == kNoSubject ? 0 : next_of(subjects_[id], from);
  }
  if (Seq found = scan_some(filter, from)) return found;
  return next_wildcard(filter, from);
}

// The next few messages: where many match, one of them will.
Seq StreamIndex::scan_some(const Filter& filter, Seq from) {
  SubjectId missed = kNoSubject;
  Place place = next_live(from);
  for (size_t i = 0; place && i < kScanFirst; ++i) {
    if (place.entry().subject != missed) {
      if (filter.matches(subjects_[place.entry().subject].text())) return place.seq();
      missed = place.entry().subject;
    }
    do {
      ++place.at;
    } while (place.at < place.chunk->count && place.chunk->is_removed(place.at));
    if (place.at == place.chunk->count) place = next_live(place.chunk->last + 1);
  }
  return 0;
}

Seq StreamIndex::next_wildcard(const Filter& filter, Seq from) {
  std::vector<SubjectId> few;
  std::vector<bool> many;
  size_t slot = slot_of(from);
  uint32_t number =
      slot == slots_.size() ? first_number_ : first_number_ + static_cast<uint32_t>(slot);
  uint32_t nearest = next_number_;  // chunk above `number` that has a match
  bool here = false;
  subjects_.each(filter, [&](SubjectId id) {
    if (many.empty() && few.size() < kFewSubjects) {
      few.push_back(id);
    } else {
      if (many.empty()) {
        many.resize(subjects_.ids_end());
        for (SubjectId known : few) many[known] = true;
      }
      many[id] = true;
    }
    Postings& postings = subjects_[id].postings;
    Posting* p = postings.from(number);
    if (p != postings.end() && p->chunk == number) {
      here = true;
      ++p;
    }
    if (p != postings.end()) nearest = std::min(nearest, p->chunk);
    return true;
  });
  if (many.empty()) {
    Seq best = 0;
    for (SubjectId id : few) {
      Seq found = next_of(subjects_[id], from);
      if (found != 0 && (best == 0 || found < best)) best = found;
    }
    return best;
  }
  if (here) {
    if (Seq found = scan_chunk(many, *chunk(number), from)) return found;
  }
  return nearest == next_number_ ? 0 : scan_chunk(many, *chunk(nearest), from);
}

Seq StreamIndex::scan_chunk(const std::vector<bool>& ids, Chunk& home, Seq from) {
  if (!ensure(home)) return 0;
  for (uint32_t at = position(home, from); at < home.count; ++at) {
    if (!home.is_removed(at) && ids[home.entries[at].subject]) return seq_of(home, at);
  }
  return 0;
}

Seq StreamIndex::last(const Filter& filter, Seq at_most) {
  if (filter.everything()) {
    Place place = last_live(at_most);
    return place ? place.seq() : 0;
  }
  Seq best = 0;
  subjects_.each(filter, [&](SubjectId id) {
    best = std::max(best, last_of(subjects_[id], at_most));
    return true;
  });
  return best;
}

// --- counting ------------------------------------------------------------------------------

uint64_t StreamIndex::live_from(Chunk& home, Seq from) {
  if (from <= home.base) return home.live;
  if (from > home.last || !ensure(home)) return 0;
  uint32_t at = position(home, from);
  if (home.removed.empty()) return home.count - at;
  return static_cast<uint64_t>(
      std::count(home.removed.begin() + static_cast<ptrdiff_t>(at), home.removed.end(), false));
}

uint64_t StreamIndex::matching_from(const Filter& filter, Seq from) {
  if (messages_ == 0 || from > last_seq_) return 0;
  size_t slot = from <= first_seq_ ? 0 : slot_of(from);
  if (slot == slots_.size()) slot = 0;
  if (filter.everything()) {
    if (from <= first_seq_) return messages_;
    uint64_t count = 0;
    for (size_t at = slot; at < slots_.size(); ++at) {
      if (slots_[at].chunk != nullptr) count += live_from(*slots_[at].chunk, from);
    }
    return count;
  }
  uint32_t number = first_number_ + static_cast<uint32_t>(slot);
  uint64_t count = 0;
  std::vector<bool> split(subjects_.ids_end());  // subjects with messages on both sides of `from`
  bool any_split = false;
  subjects_.each(filter, [&](SubjectId id) {
    SubjectEntry& subject = subjects_[id];
    if (from <= first_seq_ || (subject.first_seq != 0 && from <= subject.first_seq)) {
      count += subject.count;
      return true;
    }
    Posting* p = subject.postings.from(number);
    if (p != subject.postings.end() && p->chunk == number) {
      split[id] = any_split = true;
      ++p;
    }
    for (; p != subject.postings.end(); ++p) count += p->count;
    return true;
  });
  Chunk* boundary = any_split ? chunk(number) : nullptr;
  if (boundary == nullptr || !ensure(*boundary)) return count;
  for (uint32_t at = position(*boundary, from); at < boundary->count; ++at) {
    count += !boundary->is_removed(at) && split[boundary->entries[at].subject];
  }
  return count;
}

uint64_t StreamIndex::matching(const Filter& filter, Seq below) {
  return matching_from(filter, 0) - matching_from(filter, below);
}

uint64_t StreamIndex::count_last_per_subject(const Filter& filter, Seq from) {
  uint64_t count = 0;
  subjects_.each(filter, [&](SubjectId id) {
    count += last_of(subjects_[id]) >= from;
    return true;
  });
  return count;
}

Pending StreamIndex::pending(const Filter& filter, Seq from, bool last_per_subject) {
  uint64_t count =
      last_per_subject ? count_last_per_subject(filter, from) : matching_from(filter, from);
  return {count, last_seq_};
}

std::vector<SeqRange> StreamIndex::deleted(size_t limit) {
  std::vector<SeqRange> gaps;
  if (messages_ == 0) return gaps;
  Seq expected = first_seq_;
  for (Slot& slot : slots_) {
    Chunk* home = slot.chunk.get();
    if (home == nullptr) continue;
    if (home->removed.empty() && home->dense()) {
      if (home->base > expected) gaps.push_back({expected, home->base - 1});
      expected = home->last + 1;
    } else if (ensure(*home)) {
      for (uint32_t at = 0; at < home->count; ++at) {
        Seq seq = seq_of(*home, at);
        if (seq < expected || home->is_removed(at)) continue;
        if (seq > expected) gaps.push_back({expected, seq - 1});
        expected = seq + 1;
      }
    }
    if (gaps.size() >= limit) break;
  }
  if (gaps.size() < limit && expected <= last_seq_) gaps.push_back({expected, last_seq_});
  if (gaps.size() > limit) gaps.resize(limit);
  return gaps;
}

}  // namespace natrix::storage
