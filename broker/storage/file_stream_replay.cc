// How a stream comes back: chunks from index files, then the records of the younger segments.
#include <algorithm>

#include "broker/storage/file_stream_store.h"
#include "broker/storage/varint.h"

namespace natrix::storage {

namespace {

bool take_one(std::string_view body, uint64_t& value) {
  return take_varint(body, value) && body.empty();
}

}  // namespace

bool FileStreamStore::replay(const std::shared_ptr<Segment>& segment, uint64_t offset,
                             const Record& record) {
  replaying_ = segment->number;
  std::string_view body = record.body;
  uint64_t number = 0;
  switch (record.type) {
    case RecordType::kMessage: {
      MessageFields m;
      if (!read_message(record, m)) return false;
      // Sequences only come again after a truncation, whose record may be archived.
      if (m.seq <= index_.last_seq()) index_.truncate(m.seq - 1);
      index_message(segment, static_cast<uint32_t>(offset), m);
      return true;
    }
    case RecordType::kRemove:
      return replay_ranges(record, body, 0);
    case RecordType::kGone:
      return take_varint(body, number) && number != 0 && replay_ranges(record, body, number);
    case RecordType::kCompact:
      if (!take_one(body, number)) return false;
      index_.remove_below(number);
      return true;
    case RecordType::kTruncate:
      if (!take_one(body, number)) return false;
      index_.truncate(number);
      return true;
    case RecordType::kSkip:
      if (!take_one(body, number)) return false;
      index_.skip(number);
      return true;
    case RecordType::kPosition: {
      Position position;
      if (!take_position(body, position) || position.first > position.last + 1) return false;
      index_.remove_below(position.first);
      said_first_ = position.first;
      if (position.last < index_.last_seq()) index_.truncate(position.last);
      index_.restore_position(position.first, position.last, position.last_time);
      return true;
    }
    case RecordType::kStream:
      description_word_ = segment->number;
      return replay_description(body);
    case RecordType::kErase: {
      uint64_t place = 0, length = 0;
      if (!take_varint(body, number) || !take_varint(body, place) || !take_varint(body, length) ||
          !take_one(body, number)) {
        return false;
      }
      index_.skip(number);
      return true;
    }
    case RecordType::kConsumer:
    case RecordType::kConsumerChanges:
    case RecordType::kConsumerRemoved:
      return replay_consumer(record);
    default:
      return true;
  }
}

bool FileStreamStore::replay_description(std::string_view body) {
  std::string_view account, name, config;
  if (!take_text(body, account) || !take_text(body, name) || !take_text(body, config)) return false;
  info_.account = account;
  info_.name = name;
  info_.config = config;
  return true;
}

bool FileStreamStore::replay_ranges(const Record&, std::string_view body, uint64_t only_segment) {
  std::vector<SeqRange> ranges;
  if (!take_ranges(body, ranges)) return false;
  for (SeqRange range : ranges) remove_live(range, only_segment);
  return true;
}

void FileStreamStore::remove_live(SeqRange range, uint64_t only_segment) {
  Seq from = range.first;
  for (;;) {
    StreamIndex::Place place = index_.next_live(from);
    if (!place || place.seq() > range.last) return;
    from = place.seq() + 1;
    if (only_segment == 0 || place.chunk->home->number == only_segment) index_.remove(place);
  }
}

bool FileStreamStore::replay_consumer(const Record& record) {
  std::string_view body = record.body;
  uint32_t id = 0;
  if (!FileConsumerStore::read_id(body, id)) return false;
  next_consumer_ = std::max(next_consumer_, id + 1);
  if (record.type == RecordType::kConsumerRemoved) removed_consumers_.insert(id);
  auto known = consumers_by_id_.find(id);
  if (record.type == RecordType::kConsumerRemoved) {
    if (known == consumers_by_id_.end()) return true;
    std::string name(known->second->name());
    consumers_by_id_.erase(known);
    consumers_.erase(name);
    return true;
  }
  if (record.type == RecordType::kConsumerChanges) {
    // Of a consumer whose description is further on, which then says everything.
    return known == consumers_by_id_.end() || known->second->replay_changes(body);
  }
  if (known == consumers_by_id_.end()) {
    std::string_view rest = body, name;
    if (!take_text(rest, name)) return false;
    auto& made = consumers_[std::string(name)];
    // Of the same name, made again: the removal of the first one is damaged.
    if (made != nullptr) consumers_by_id_.erase(made->id());
    made = std::make_unique<FileConsumerStore>(*this, id, name, "");
    known = consumers_by_id_.emplace(id, made.get()).first;
  }
  known->second->word = replaying_;
  return known->second->replay_everything(body);
}

namespace {

Seq first_live(const IndexedChunk& chunk) {
  size_t place = 0;
  while (place < chunk.removed.size() && chunk.removed[place]) ++place;
  Seq seq = chunk.base + place;
  for (const SeqRange& gap : chunk.gaps) {
    if (gap.first > seq) break;
    seq += gap.last - gap.first + 1;
  }
  return seq;
}

}  // namespace

void FileStreamStore::adopt(const std::shared_ptr<Segment>& segment, const IndexedChunk& from) {
  replaying_ = segment->number;
  if (from.base <= index_.last_seq()) index_.truncate(from.base - 1);
  auto chunk = std::make_unique<Chunk>();
  chunk->base = from.base;
  chunk->last = from.last;
  chunk->count = from.count;
  chunk->live = from.live;
  chunk->bytes = from.bytes;
  chunk->record_bytes = from.record_bytes;
  chunk->first_time = from.first_time;
  chunk->last_time = from.last_time;
  chunk->home = segment;
  chunk->data = segment->data();
  chunk->index = segment->index();
  chunk->uid = core_.next_chunk.fetch_add(1, std::memory_order_relaxed);
  chunk->stored = from.stored;
  chunk->removed = from.removed;
  segment->live_bytes.fetch_add(static_cast<int64_t>(from.record_bytes));
  share_of(segment);
  Chunk& adopted = index_.adopt(std::move(chunk), first_live(from));
  for (const IndexedSubject& subject : from.subjects) {
    if (subject.count == 0) continue;
    index_.adopt_subject(adopted, subject.name, subject.count, subject.first, subject.last,
                         subject.first_seq, subject.last_seq);
  }
  for (const Expiry& expiry : from.expiries) index_.add_expiry(expiry.time, expiry.seq);
  open_segment_ = nullptr;
}

void FileStreamStore::lose(const IndexedChunk& chunk) {
  lost_messages_ += chunk.live;
  lost_bytes_ += chunk.bytes;
  index_.skip(chunk.last);
}

void FileStreamStore::lose_beyond(const std::shared_ptr<Segment>& segment, uint64_t data_bytes) {
  std::vector<Seq> lost;
  for (StreamIndex::Slot& slot : index_.slots()) {
    Chunk* chunk = slot.chunk.get();
    if (chunk == nullptr || chunk->home != segment || !index_.ensure(*chunk)) continue;
    for (uint32_t at = 0; at < chunk->count; ++at) {
      const IndexEntry& entry = chunk->entries[at];
      if (chunk->is_removed(at) || entry.offset + record_bytes(entry) <= data_bytes) continue;
      lost.push_back(chunk->base + entry.seq_delta);
      lost_bytes_ += entry.bytes;
    }
  }
  lost_messages_ += lost.size();
  for (Seq seq : lost) index_.remove(seq);
}

void FileStreamStore::replay_catalog(const Record& record, bool described) {
  auto nowhere = std::make_shared<Segment>(0);
  std::string_view body = record.body;
  Position position;
  uint32_t id = 0;
  if (record.type == RecordType::kStream && !described) {
    restored_ = replay(nowhere, 0, record);
  } else if (record.type == RecordType::kPosition && take_position(body, position)) {
    // May be older than what was read: only ever upwards.
    index_.restore_position(position.first, position.last, 0);
  } else if (record.type == RecordType::kConsumer && FileConsumerStore::read_id(body, id)) {
    if (consumers_by_id_.count(id) == 1 || removed_consumers_.count(id) == 1) return;
    std::string_view name;
    if (!take_text(body, name) || consumers_.find(name) != consumers_.end()) return;
    if (replay_consumer(record)) restored_ = true;
  }
}

void FileStreamStore::log_restored() {
  if (!std::exchange(restored_, false)) return;
  log_description();
  for (auto& [name, consumer] : consumers_) consumer->log_everything();
}

void FileStreamStore::end_replay() {
  removed_consumers_.clear();
  replaying_ = 0;
  open_segment_ = nullptr;
  index_.seal();
}

}  // namespace natrix::storage
