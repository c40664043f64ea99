#include "broker/storage/file_stream_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/base/assert.h"
#include "broker/storage/varint.h"

namespace natrix::storage {

namespace {

// More removals than this are logged without waiting for the end of the turn.
constexpr size_t kRemovalsMax = 8192;

}  // namespace

StoreCore::StoreCore(FileSystem& fs, StoreOptions o, std::string log_directory)
    : files(fs),
      options(std::move(o)),
      segments(log_directory),
      damage(fs, options.directory + "/damaged", options.on_damage) {}

FileStreamStore::FileStreamStore(std::shared_ptr<StoreCore> core, StreamInfo info, Seq first_seq)
    : IndexedStreamStore(first_seq),
      keep_(std::move(core)),
      core_(*keep_),
      info_(std::move(info)),
      windows_(core_.read_memory, core_.options.read_memory_max) {
  index_.set_owner(this);
}

FileStreamStore::~FileStreamStore() {
  for (Chunk* chunk : droppable_) {
    core_.index_memory.fetch_sub(chunk->entries.size() * sizeof(IndexEntry));
  }
}

// --- whose turn it is ------------------------------------------------------------------------

void FileStreamStore::attach(std::shared_ptr<FileStreamStore> self, Executor* executor,
                             StreamListener* listener) {
  std::lock_guard lock(turn_);
  self_ = std::move(self);
  executor_ = executor;
  listener_ = listener;
  ++epoch_;
}

void FileStreamStore::detach() {
  flush_changes();
  std::lock_guard lock(turn_);
  executor_ = nullptr;
  listener_ = nullptr;
  flush_scheduled_ = false;
  ++epoch_;
}

bool FileStreamStore::attached() const {
  std::lock_guard lock(turn_);
  return executor_ != nullptr;
}

std::shared_ptr<FileStreamStore> FileStreamStore::self() const {
  return std::static_pointer_cast<FileStreamStore>(self_);
}

FileStreamStore::Turn FileStreamStore::turn() const {
  std::lock_guard lock(turn_);
  return {executor_, epoch_};
}

void FileStreamStore::run(const std::shared_ptr<FileStreamStore>& self,
                          std::function<void()> work) {
  Turn now = turn();
  if (now.executor == nullptr) {
    run_in(now, self, std::move(work));
    return;
  }
  now.executor->post(
      [self, now, work = std::move(work)]() mutable { self->run_in(now, self, std::move(work)); });
}

void FileStreamStore::run_in(Turn turn, const std::shared_ptr<FileStreamStore>& self,
                             std::function<void()> work) {
  {
    std::lock_guard lock(turn_);
    if (self_ == nullptr) return;  // the store is closed or the stream removed
    if (executor_ == nullptr) {
      work();
      return;
    }
    if (epoch_ != turn.epoch) turn.executor = nullptr;
  }
  if (turn.executor == nullptr) {
    run(self, std::move(work));  // handed over meanwhile
  } else {
    work();
  }
}

// --- writing -----------------------------------------------------------------------------------

uint32_t FileStreamStore::record_bytes(const IndexEntry& entry) {
  // file_message_bytes counts 30 and, with headers, 4 for what is kMessageHeaderBytes here.
  uint32_t texts = entry.bytes - 30 - ((entry.flags & kEntryHasHeaders) != 0 ? 4 : 0);
  return texts + static_cast<uint32_t>(kMessageHeaderBytes) +
         ((entry.flags & kEntryExpires) != 0 ? 8 : 0);
}

FileStreamStore::Share& FileStreamStore::share_of(const std::shared_ptr<Segment>& segment) {
  Share& share = shares_[segment->number];
  share.segment = segment;
  return share;
}

// What follows goes into `segment`: chunks do not cross segments.
void FileStreamStore::note_write(const std::shared_ptr<Segment>& segment) {
  if (open_segment_ == segment) return;
  index_.seal();
  open_segment_ = segment;
  share_of(segment);
}

// Everything about a message that does not depend on where it is.
IndexEntry FileStreamStore::entry_of(const MessageFields& m) {
  IndexEntry entry;
  entry.bytes = static_cast<uint32_t>(
      file_message_bytes(m.subject.size(), m.headers.size(), m.payload.size()));
  entry.time = m.time;
  entry.flags = (m.headers.empty() ? 0 : kEntryHasHeaders) | (m.expires != 0 ? kEntryExpires : 0);
  return entry;
}

void FileStreamStore::index_message(const std::shared_ptr<Segment>& segment, uint32_t offset,
                                    const MessageFields& m) {
  note_write(segment);
  IndexEntry entry = entry_of(m);
  StreamIndex::Place place = index_.append({.seq = m.seq,
                                            .subject = m.subject,
                                            .bytes = entry.bytes,
                                            .offset = offset,
                                            .flags = entry.flags,
                                            .time = m.time,
                                            .expires = m.expires});
  if (place.at == 0) {
    place.chunk->home = segment;
    place.chunk->uid = core_.next_chunk.fetch_add(1, std::memory_order_relaxed);
  }
  uint32_t length = record_bytes(place.entry());
  place.chunk->record_bytes += length;
  segment->live_bytes.fetch_add(length, std::memory_order_relaxed);
}

StorageResult<Appended> FileStreamStore::append(const NewMessage& message) {
  Seq previous = index_.last_seq();
  MessageFields fields{message.seq.value_or(previous + 1),
                       message.time,
                       message.expires,
                       message.subject,
                       message.headers,
                       message.payload};
  if (fields.seq <= previous) {
    return storage_failure(StorageErrorKind::kInvalid, "the sequence has been given out already");
  }
  flush_changes();
  scratch_.clear();
  if (!put_message(scratch_, info_.id, fields, core_.log->salt())) {
    return storage_failure(StorageErrorKind::kInvalid, "subject or message too long to be stored");
  }
  auto place = core_.log->append(scratch_, self_, ticket_ + 1, true, Urgency::kNow);
  if (!place) return fail_with(place.error());
  ++ticket_;
  index_message(place->segment, place->offset, fields);
  in_flight_.push_back({ticket_, fields.seq, previous});
  return Appended{fields.seq, ticket_};
}

// The records of a frame are valid together or not at all, so one frame is what makes them one.
StorageResult<Appended> FileStreamStore::append_all(std::span<const NewMessage> messages) {
  Seq previous = index_.last_seq();
  flush_changes();
  scratch_.clear();
  std::vector<std::pair<MessageFields, size_t>> placed;  // and where each is in scratch_
  placed.reserve(messages.size());
  Seq last = previous;
  for (const NewMessage& m : messages) {
    MessageFields fields{
        m.seq.value_or(last + 1), m.time, m.expires, m.subject, m.headers, m.payload};
    placed.emplace_back(fields, scratch_.size());
    if (fields.seq <= last || !put_message(scratch_, info_.id, fields, core_.log->salt()) ||
        scratch_.size() > kRecordBytesMax) {
      scratch_ = std::string();
      return storage_failure(StorageErrorKind::kInvalid, "too large, or out of order");
    }
    last = fields.seq;
  }
  if (placed.empty()) return storage_failure(StorageErrorKind::kInvalid, "no messages");
  auto place = core_.log->append(scratch_, self_, ticket_ + 1, true, Urgency::kNow,
                                 static_cast<uint32_t>(placed.size()));
  if (!place) return fail_with(place.error());
  ++ticket_;
  for (const auto& [fields, at] : placed) {
    index_message(place->segment, place->offset + static_cast<uint32_t>(at), fields);
  }
  in_flight_.push_back({ticket_, last, previous});
  return Appended{placed.front().first.seq, ticket_};
}

LogPlace FileStreamStore::log_record(RecordType type, std::string_view body, Urgency urgency,
                                     Again again) {
  std::string record = record_of(type, body);
  auto place = core_.log->append(record, self_, ++ticket_, false, urgency);
  if (!place) {
    // Closing: nobody waits any more. Otherwise an earlier batch has failed and undo() is about to
    // say it again, in order.
    bool later = place.error().kind != StorageErrorKind::kClosed && again == Again::kYes;
    if (later) unsynced_.push_back({ticket_, std::move(record)});
    return {};
  }
  if (again == Again::kYes) unsynced_.push_back({ticket_, std::move(record)});
  return *place;
}

Ticket FileStreamStore::log_consumer(RecordType type, std::string_view body, Urgency urgency) {
  // What a consumer acknowledged may have been removed: keep the order of the calls.
  flush_removals();
  log_record(type, body, urgency);
  return ticket_;
}

void FileStreamStore::schedule_flush() {
  if (flush_scheduled_) return;
  if (executor_ == nullptr) return;
  flush_scheduled_ = true;
  std::weak_ptr<LogClient> weak = self_;
  executor_->post([this, weak, epoch = epoch_] {
    std::shared_ptr<LogClient> alive = weak.lock();
    if (alive == nullptr || epoch_ != epoch) return;
    flush_changes();
  });
}

void FileStreamStore::consumer_changed(FileConsumerStore& consumer) {
  if (consumer.listed) return;
  consumer.listed = true;
  changed_.push_back(&consumer);
  schedule_flush();
}

void FileStreamStore::flush_removals() {
  if (removals_.empty()) return;
  std::string body;
  put_ranges(body, removals_);
  removals_.clear();
  log_record(RecordType::kRemove, body, Urgency::kLazy);
}

void FileStreamStore::flush_changes() {
  flush_scheduled_ = false;
  if (!core_.log->writable()) {
    for (FileConsumerStore* consumer : changed_) consumer->hold();
    return;
  }
  flush_removals();
  std::vector<FileConsumerStore*> changed = std::move(changed_);
  changed_.clear();
  for (FileConsumerStore* consumer : changed) {
    consumer->listed = false;
    consumer->log_changes();
  }
}

void FileStreamStore::log_remove(StreamIndex::Place place) {
  Seq seq = place.seq();
  if (!removals_.empty() && removals_.back().last + 1 == seq) {
    removals_.back().last = seq;
    return;
  }
  if (removals_.size() >= kRemovalsMax && core_.log->writable()) flush_removals();
  removals_.push_back({seq, seq});
  schedule_flush();
}

void FileStreamStore::log_bulk(Bulk what, Seq seq) {
  flush_changes();
  std::string body;
  switch (what) {
    case Bulk::kPurgeAll:
      put_varint(body, index_.last_seq() + 1);
      log_record(RecordType::kCompact, body, Urgency::kNow);
      if (!unsynced_.empty() && unsynced_.back().ticket == ticket_) unsynced_.back().purge = true;
      return;
    case Bulk::kCompact:
      put_varint(body, seq);
      log_record(RecordType::kCompact, body, Urgency::kNow);
      return;
    case Bulk::kTruncate:
      put_varint(body, seq);
      log_record(RecordType::kTruncate, body, Urgency::kNow);
      return;
  }
}

StorageResult<void> FileStreamStore::writable() {
  // Removals are taken while the disk refuses: they are what makes room.
  if (core_.log->has_room()) return {};
  return storage_failure(StorageErrorKind::kBusy, "too much waits to be written");
}

StorageResult<Ticket> FileStreamStore::skip(Seq through) {
  if (auto ready = writable(); !ready) return fail_with(ready.error());
  if (through > index_.last_seq()) {
    flush_changes();
    std::string body;
    put_varint(body, through);
    log_record(RecordType::kSkip, body, Urgency::kNow);
    index_.skip(through);
  }
  return ticket_;
}

StorageResult<Removed> FileStreamStore::remove(Seq seq, Erase erase) {
  StreamIndex::Place place = index_.find(seq);
  if (index_.take_failure()) return fail_with(read_failure());
  if (!place) return storage_failure(StorageErrorKind::kNotFound);
  Removed removed{1, place.entry().bytes, 0};
  std::shared_ptr<Segment> home = place.chunk->home;
  std::shared_ptr<SegmentData> data = data_of(*place.chunk);
  bool lost = (place.entry().flags & kEntryLost) != 0;
  uint32_t offset = place.entry().offset;
  uint32_t length = record_bytes(place.entry());
  log_remove(place);
  index_.remove(place);
  if (erase == Erase::kOverwrite && !lost) {
    flush_changes();
    log_erase(seq, {home, data, offset, length});
    windows_.forget();
    removed.ticket = ticket_;
  } else {
    removed.ticket = ticket_ + 1;  // of the record that the end of the turn will bring
  }
  return removed;
}

std::string FileStreamStore::record_of(RecordType type, std::string_view body) const {
  std::string record;
  begin_record(record, type, info_.id);
  record.append(body);
  finish_record(record, 0, core_.log->salt());
  return record;
}

// Appends have been taken back: a record that says how far the sequences go says it anew.
void FileStreamStore::renew(Unsynced& one) const {
  Record record;
  if (read_record(one.record, core_.log->salt(), record) != ReadRecord::kOk) return;
  if (record.type == RecordType::kPosition) {
    one.record = record_of(RecordType::kPosition, position_body());
  } else if (one.purge) {
    std::string body;
    put_varint(body, index_.last_seq() + 1);
    one.record = record_of(RecordType::kCompact, body);
  }
}

void FileStreamStore::log_erase(Seq seq, const LogWriter::Erasure& erasure) {
  std::string body;
  put_varint(body, erasure.segment->number);
  put_varint(body, erasure.offset);
  put_varint(body, erasure.length);
  // The message itself will not be there any more to say that its sequence has been given out.
  put_varint(body, index_.last_seq());
  log_record(RecordType::kErase, body, Urgency::kNow, Again::kNo);
  erasure.segment->erasures.fetch_add(1);
  core_.log->erase_after(erasure);
  erasing_.push_back({ticket_, seq, erasure});
}

Ticket FileStreamStore::barrier() {
  flush_changes();
  if (ticket_ > synced_) core_.log->hurry();
  return ticket_ + (holding() ? 1 : 0);
}

Seq FileStreamStore::last_synced() const {
  return in_flight_.empty() ? index_.last_seq() : in_flight_.front().previous_last;
}

void FileStreamStore::batch_done(Ticket first, Ticket last, const StorageError* error) {
  if (error != nullptr) {
    undo(first);
    if (listener_ != nullptr) listener_->on_failed(first, *error);
    return;
  }
  synced_ = std::max(synced_, last);
  while (!in_flight_.empty() && in_flight_.front().ticket <= last) in_flight_.pop_front();
  while (!unsynced_.empty() && unsynced_.front().ticket <= last) unsynced_.pop_front();
  while (!erasing_.empty() && erasing_.front().ticket <= last) erasing_.pop_front();
  if (listener_ != nullptr) listener_->on_synced(last);
}

// Nothing from the ticket on was synced, or taken since: appends are taken back, everything else is
// said again.
void FileStreamStore::undo(Ticket first) {
  auto failed = std::find_if(in_flight_.begin(), in_flight_.end(),
                             [first](const InFlight& f) { return f.ticket >= first; });
  if (failed != in_flight_.end()) {
    index_.truncate(failed->previous_last);
    in_flight_.erase(failed, in_flight_.end());
  }
  open_segment_ = nullptr;
  auto from = std::find_if(unsynced_.begin(), unsynced_.end(),
                           [first](const Unsynced& u) { return u.ticket >= first; });
  std::deque<Unsynced> again(std::make_move_iterator(from),
                             std::make_move_iterator(unsynced_.end()));
  unsynced_.erase(from, unsynced_.end());
  auto not_erased = std::find_if(erasing_.begin(), erasing_.end(),
                                 [first](const Erasing& e) { return e.ticket >= first; });
  std::deque<Erasing> erase_again(not_erased, erasing_.end());
  erasing_.erase(not_erased, erasing_.end());
  clear_failure();
  for (Unsynced& one : again) {
    renew(one);
    repeat_effect(one.record);
    auto place = core_.log->append(one.record, self_, ++ticket_, false, Urgency::kLazy);
    if (place || place.error().kind != StorageErrorKind::kClosed) {
      unsynced_.push_back({ticket_, std::move(one.record), one.purge});
    }
  }
  // Of messages that have been taken back there is nothing to overwrite.
  for (const Erasing& one : erase_again) {
    if (one.seq <= index_.last_seq()) log_erase(one.seq, one.erasure);
  }
}

// What taking appends back has undone of a record that stays.
void FileStreamStore::repeat_effect(std::string_view bytes) {
  Record record;
  uint64_t seq = 0;
  if (read_record(bytes, core_.log->salt(), record) != ReadRecord::kOk) return;
  std::string_view body = record.body;
  if (record.type == RecordType::kSkip && take_varint(body, seq)) index_.skip(seq);
  if (record.type == RecordType::kCompact && take_varint(body, seq)) index_.remove_below(seq);
}

// --- reading -------------------------------------------------------------------------------------

StorageError FileStreamStore::damaged(const Chunk& chunk, uint32_t offset, const char* what) {
  std::shared_ptr<SegmentData> data = data_of(chunk);
  std::string path = data == nullptr ? "a segment not yet made" : data->path;
  core_.damage.report(path, offset, what);
  return {StorageErrorKind::kDamaged, fmt::format("{} at {}: {}", path, offset, what)};
}

ReadWindows::Bytes FileStreamStore::read_buffered(const Segment& home, uint32_t offset,
                                                  uint32_t length) {
  auto buffer = std::make_shared<std::string>();
  if (!core_.log->read(home, offset, length, *buffer)) return {};
  return {*buffer, buffer};
}

StorageResult<ReadWindows::Bytes> FileStreamStore::read_bytes(const Chunk& chunk, uint32_t offset,
                                                              uint32_t length) {
  const Segment& home = *chunk.home;
  if (chunk.data != nullptr) return windows_.read(chunk.data, offset, length, ~uint64_t{0} >> 1);
  uint64_t written = home.written.load(std::memory_order_acquire);
  if (offset + length > written) {
    ReadWindows::Bytes bytes = read_buffered(home, offset, length);
    if (bytes.hold != nullptr) return bytes;
    written = home.written.load(std::memory_order_acquire);  // it has been written meanwhile
    if (offset + length > written) {
      return storage_failure(StorageErrorKind::kDamaged, "the file is cut short");
    }
  }
  return windows_.read(home.data(), offset, length, written);
}

StorageResult<StoredMessage> FileStreamStore::load(Seq seq) {
  StreamIndex::Place place = index_.find(seq);
  if (index_.take_failure()) return fail_with(read_failure());
  if (!place) return storage_failure(StorageErrorKind::kNotFound);
  const Chunk& chunk = *place.chunk;
  uint32_t offset = place.entry().offset;
  if ((place.entry().flags & kEntryLost) != 0) {
    return fail_with(damaged(chunk, offset, "the message is not in the file any more"));
  }
  auto bytes = read_bytes(chunk, offset, record_bytes(place.entry()));
  if (!bytes) {
    if (bytes.error().kind != StorageErrorKind::kDamaged) return fail_with(bytes.error());
    return fail_with(damaged(chunk, offset, "the file is cut short"));
  }
  Record record;
  MessageFields m;
  if (read_record(bytes->view, core_.log->salt(), record) != ReadRecord::kOk) {
    windows_.forget();
    return fail_with(damaged(chunk, offset, "damaged record"));
  }
  if (!read_message(record, m) || m.seq != seq || record.stream != info_.id) {
    return fail_with(damaged(chunk, offset, "not the message that the index has there"));
  }
  return StoredMessage{seq, m.time, m.expires, m.subject, m.headers, m.payload, bytes->hold};
}

StreamState FileStreamStore::state() const {
  StreamState state = IndexedStreamStore::state();
  state.lost_messages = lost_messages_;
  state.lost_bytes = lost_bytes_;
  return state;
}

// --- consumers, description ----------------------------------------------------------------------

StorageResult<ConsumerStore*> FileStreamStore::consumer(std::string_view name,
                                                        std::string_view config, bool in_memory) {
  if (ConsumerStore* known = find_consumer(name)) {
    if (known->config() != config) {
      if (auto done = known->set_config(config); !done) return fail_with(done.error());
    }
    return known;
  }
  if (in_memory) {
    auto& made = memory_consumers_[std::string(name)];
    made = std::make_unique<MemoryConsumerStore>(name, config);
    return static_cast<ConsumerStore*>(made.get());
  }
  if (auto ready = writable(); !ready) return fail_with(ready.error());
  uint32_t id = next_consumer_++;
  auto& made = consumers_[std::string(name)];
  made = std::make_unique<FileConsumerStore>(*this, id, name, config);
  consumers_by_id_[id] = made.get();
  made->log_everything();
  core_.catalog_stale.store(true);
  return static_cast<ConsumerStore*>(made.get());
}

ConsumerStore* FileStreamStore::find_consumer(std::string_view name) {
  if (auto found = consumers_.find(name); found != consumers_.end()) return found->second.get();
  auto found = memory_consumers_.find(name);
  return found == memory_consumers_.end() ? nullptr : found->second.get();
}

std::vector<ConsumerStore*> FileStreamStore::consumers() {
  std::map<std::string_view, ConsumerStore*> sorted;
  for (auto& [name, consumer] : consumers_) sorted[name] = consumer.get();
  for (auto& [name, consumer] : memory_consumers_) sorted[name] = consumer.get();
  std::vector<ConsumerStore*> all;
  for (auto& [name, consumer] : sorted) all.push_back(consumer);
  return all;
}

StorageResult<Ticket> FileStreamStore::remove_consumer(std::string_view name) {
  if (auto found = memory_consumers_.find(name); found != memory_consumers_.end()) {
    memory_consumers_.erase(found);
    return Ticket{0};
  }
  auto found = consumers_.find(name);
  if (found == consumers_.end()) return storage_failure(StorageErrorKind::kNotFound);
  flush_changes();
  std::string body;
  put_varint(body, found->second->id());
  log_record(RecordType::kConsumerRemoved, body, Urgency::kNow);
  std::erase(changed_, found->second.get());
  consumers_by_id_.erase(found->second->id());
  consumers_.erase(found);
  core_.catalog_stale.store(true);
  return ticket_;
}

StorageResult<Ticket> FileStreamStore::set_config(std::string_view config) {
  if (auto ready = writable(); !ready) return fail_with(ready.error());
  info_.config = config;
  log_description();
  core_.catalog_stale.store(true);
  return ticket_;
}

void FileStreamStore::log_description() {
  flush_changes();
  description_word_ = word_segment();
  log_record(RecordType::kStream, stream_body(), Urgency::kNow);
  log_position();
}

void FileStreamStore::log_position() {
  said_first_ = index_.first_seq();
  log_record(RecordType::kPosition, position_body(), Urgency::kNow);
}

std::string FileStreamStore::stream_body() const {
  std::string body;
  put_text(body, info_.account);
  put_text(body, info_.name);
  put_text(body, info_.config);
  return body;
}

std::string FileStreamStore::position_body() const {
  std::string body;
  put_position(body, {index_.first_seq(), index_.last_seq(), index_.state().last_time});
  return body;
}

uint32_t FileStreamStore::describe(std::string& out) {
  auto put = [&](RecordType type, std::string_view body) {
    size_t start = begin_record(out, type, info_.id);
    out.append(body);
    finish_record(out, start, core_.log->salt());
  };
  put(RecordType::kStream, stream_body());
  put(RecordType::kPosition, position_body());
  for (auto& [name, consumer] : consumers_) {
    std::string body;
    consumer->describe(body);
    put(RecordType::kConsumer, body);
  }
  return static_cast<uint32_t>(2 + consumers_.size());
}

uint64_t FileStreamStore::word_segment() const {
  return replaying_ != 0 ? replaying_ : core_.log->head();
}

void FileStreamStore::drop() {
  removals_.clear();
  index_.clear();
  changed_.clear();
  consumers_.clear();
  consumers_by_id_.clear();
  core_.catalog_stale.store(true);
  executor_ = nullptr;
  listener_ = nullptr;
  self_ = nullptr;
  ++epoch_;
}

void FileStreamStore::silence() {
  flush_changes();
  std::lock_guard lock(turn_);
  executor_ = nullptr;
  listener_ = nullptr;
  ++epoch_;
}

void FileStreamStore::leave() {
  std::lock_guard lock(turn_);
  executor_ = nullptr;
  listener_ = nullptr;
  self_ = nullptr;
  ++epoch_;
}

std::vector<std::string> FileStreamStore::files() const {
  std::vector<std::string> paths;
  for (auto& [number, share] : shares_) {
    if (share.segment->current() != nullptr) paths.push_back(share.segment->current()->path);
  }
  return paths;
}

}  // namespace natrix::storage
