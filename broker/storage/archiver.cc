#include "broker/storage/archiver.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>

namespace natrix::storage {

namespace {

constexpr auto kPause = std::chrono::seconds(1);
// In a segment with more streams the messages of one lie too far apart.
constexpr size_t kStreamsInPlace = 8;
// Frames of rewritten segments.
constexpr size_t kFrameBytes = 256 * 1024;

}  // namespace

struct Archiver::Work {
  std::shared_ptr<Segment> segment;
  bool first_time = true;
  uint64_t erasures = 0;  // counted in the segment when the copies were made
  std::vector<std::pair<std::shared_ptr<FileStreamStore>, std::vector<ChunkCopy>>> copies;
  std::shared_ptr<SegmentData> old_data;
  std::shared_ptr<SegmentData> new_data;  // null: stays where it is
  std::string index_temporary;
  std::shared_ptr<SegmentData> index;
};

Archiver::Archiver(StoreCore& core, StreamList streams)
    : core_(core), streams_(std::move(streams)) {}

void Archiver::start() {
  threaded_ = true;
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      work_ = false;
      lock.unlock();
      bool did = step(core_.options.replay_segments);
      lock.lock();
      if (!did) changed_.wait_for(lock, kPause, [this] { return stopping_ || work_; });
    }
  });
}

void Archiver::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Archiver::wake() {
  std::lock_guard lock(mutex_);
  work_ = true;
  changed_.notify_all();
}

// --- what to do

std::shared_ptr<Segment> Archiver::to_archive(unsigned keep) {
  uint64_t sealed_below = core_.log->sealed_below();
  std::vector<std::shared_ptr<Segment>> waiting;
  for (auto& segment : core_.segments.all()) {
    if (!segment->archived.load() && segment->number < sealed_below) waiting.push_back(segment);
  }
  return waiting.size() > keep ? waiting.front() : nullptr;
}

// An archived segment of which most is dead.
std::shared_ptr<Segment> Archiver::to_rewrite() {
  for (auto& segment : core_.segments.all()) {
    if (!segment->archived.load()) break;
    int64_t live = segment->live_bytes.load();
    if (live <= 0 || segment->stuck.load()) continue;
    if (segment->reindex.load()) return segment;
    if (static_cast<uint64_t>(live) * 2 < segment->size.load()) return segment;
  }
  return nullptr;
}

bool Archiver::step(unsigned keep) {
  if (!core_.log->writable()) return false;  // the log must take what is repeated
  if (catalog_due()) (void)write_catalog();
  if (auto segment = to_archive(keep)) return static_cast<bool>(archive(segment, true));
  if (give_back_dead()) return true;
  if (auto segment = to_rewrite()) return static_cast<bool>(archive(segment, false));
  return false;
}

bool Archiver::give_back_dead() {
  auto all = core_.segments.all();
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    // The index of the youngest archived segment says where replay begins: it stays.
    if (!all[i]->archived.load() || !all[i + 1]->archived.load()) return false;
    if (all[i]->live_bytes.load() <= 0) return static_cast<bool>(give_back(all[i]));
  }
  return false;
}

// --- archiving one segment

bool Archiver::on_all_streams(const std::function<void(FileStreamStore&)>& work) {
  struct Round {
    std::mutex mutex;
    std::condition_variable done;
    size_t left = 0;
  };
  auto round = std::make_shared<Round>();
  auto streams = streams_();
  round->left = streams.size();
  // Counts when the task has run, or will not any more because the stream is gone.
  struct Counted {
    explicit Counted(std::shared_ptr<Round> r) : round(std::move(r)) {}
    Counted(const Counted&) = delete;
    ~Counted() {
      std::lock_guard lock(round->mutex);
      if (--round->left == 0) round->done.notify_all();
    }
    std::shared_ptr<Round> round;
  };
  // `work` is copied: a round that is given up may still be run by some thread.
  for (auto& stream : streams) {
    stream->run(stream,
                [stream, counted = std::make_shared<Counted>(round), work] { work(*stream); });
  }
  std::unique_lock lock(round->mutex);
  while (round->left != 0) {
    round->done.wait_for(lock, std::chrono::milliseconds(50));
    std::lock_guard own(mutex_);
    if (stopping_ && round->left != 0) return false;
  }
  return true;
}

StorageResult<void> Archiver::archive(const std::shared_ptr<Segment>& segment, bool first_time) {
  Work work;
  work.segment = segment;
  work.first_time = first_time;
  work.old_data = segment->current();
  work.erasures = segment->erasures.load();
  auto shared = std::make_shared<decltype(work.copies)>();
  auto guard = std::make_shared<std::mutex>();
  auto complete = std::make_shared<std::atomic<bool>>(true);
  bool all = on_all_streams([shared, guard, segment, complete](FileStreamStore& stream) {
    std::vector<ChunkCopy> copies;
    if (!stream.copy_chunks(*segment, copies)) complete->store(false);
    if (copies.empty()) return;
    std::lock_guard lock(*guard);
    shared->emplace_back(stream.self(), std::move(copies));
  });
  if (!all) return storage_failure(StorageErrorKind::kClosed);
  if (!complete->load()) {
    segment->stuck.store(true);
    return storage_failure(StorageErrorKind::kDamaged);
  }
  work.copies = std::move(*shared);
  auto by_id = [](const auto& a, const auto& b) { return a.first->info().id < b.first->info().id; };
  std::sort(work.copies.begin(), work.copies.end(), by_id);

  uint64_t live = 0;
  for (auto& [stream, copies] : work.copies) {
    for (ChunkCopy& copy : copies) live += copy.chunk.record_bytes;
  }
  bool sparse = live * 2 < segment->size.load();
  bool mixed = first_time && work.copies.size() > kStreamsInPlace;
  // What is archived may be all that the catalog can be compared with.
  StorageResult<void> done;
  if (first_time && core_.catalog_stale.load()) done = write_catalog();
  if (done && live != 0 && (sparse || mixed)) done = rewrite(work);
  if (done) done = write_index(work);
  if (done && first_time) done = repeat_words(segment->number);
  // What the copies do not have any more must not go before what was said before its removal.
  if (done) done = wait_until_synced();
  if (done) done = commit(work);
  if (!done) {
    // Nothing of the attempt may stay: a data file without an index would come back to life.
    uint32_t next = segment->generation + 1;
    (void)core_.files.remove(core_.segments.data_path(segment->number, next));
    (void)core_.files.remove(core_.segments.index_path(segment->number) + ".tmp");
  }
  return done;
}

StorageResult<std::string> Archiver::read_record_of(Work& work, const IndexEntry& entry) {
  uint32_t length = FileStreamStore::record_bytes(entry);
  std::string bytes(length, '\0');
  auto got = work.old_data->file->read(entry.offset, bytes.data(), length);
  if (!got) return fail_with(got.error());
  Record record;
  bytes.resize(*got);
  if (read_record(bytes, core_.log->salt(), record) != ReadRecord::kOk) {
    // Copied as it is: whoever reads the message is told. The report keeps the old file.
    core_.damage.report(work.old_data->path, entry.offset, "damaged record");
    bytes.resize(length, '\0');
  }
  return bytes;
}

// Expiry times are in the records only.
StorageResult<void> Archiver::collect_expiries(Work& work) {
  for (auto& [stream, copies] : work.copies) {
    for (ChunkCopy& copy : copies) {
      for (const IndexEntry& entry : copy.chunk.entries) {
        if ((entry.flags & (kEntryExpires | kEntryRemoved | kEntryLost)) != kEntryExpires) continue;
        auto bytes = read_record_of(work, entry);
        if (!bytes) return fail_with(bytes.error());
        Record record;
        MessageFields m;
        if (read_record(*bytes, core_.log->salt(), record) == ReadRecord::kOk &&
            read_message(record, m)) {
          copy.chunk.expiries.push_back({m.expires, copy.chunk.base + entry.seq_delta});
        }
      }
    }
  }
  return {};
}

namespace {

// Drops the removed entries of a copy and remembers which stayed.
void keep_live(ChunkCopy& copy) {
  IndexedChunk& chunk = copy.chunk;
  std::vector<uint32_t> moved(chunk.entries.size(), kNoEntry);
  std::vector<IndexEntry> kept;
  for (uint32_t at = 0; at < chunk.entries.size(); ++at) {
    if ((chunk.entries[at].flags & kEntryRemoved) != 0) continue;
    moved[at] = static_cast<uint32_t>(kept.size());
    kept.push_back(chunk.entries[at]);
    copy.places.push_back(at);
  }
  Seq base = chunk.base + kept.front().seq_delta;
  uint32_t shift = kept.front().seq_delta;
  std::vector<uint32_t> last(chunk.subjects.size(), kNoEntry);
  for (uint32_t at = 0; at < kept.size(); ++at) {
    kept[at].seq_delta -= shift;
    kept[at].next = kNoEntry;
    uint32_t& previous = last[kept[at].subject];
    if (previous != kNoEntry) kept[previous].next = at;
    previous = at;
  }
  for (IndexedSubject& subject : chunk.subjects) {
    subject.first = moved[subject.first];
    subject.last = moved[subject.last];
  }
  chunk.base = base;
  chunk.last = base + kept.back().seq_delta;
  chunk.count = static_cast<uint32_t>(kept.size());
  chunk.entries = std::move(kept);
}

}  // namespace

// Writes the live messages, sorted by stream, to a new file.
StorageResult<void> Archiver::rewrite(Work& work) {
  uint64_t salt = core_.log->salt();
  std::string path = core_.segments.data_path(work.segment->number, work.segment->generation + 1);
  (void)core_.files.remove(path);  // of an attempt that failed
  auto file = core_.files.open(path, FileSystem::Mode::kCreate);
  if (!file) return fail_with(file.error());
  SegmentHeader header;
  header.salt = salt;
  header.number = work.segment->number;
  header.first_batch = 1;
  header.previous_end = ~uint64_t{0};
  if (auto done = (*file)->write(0, encode(header)); !done) return done;
  uint64_t end = kSegmentHeaderBytes;
  FrameHeader frame;
  std::string bytes(kFrameHeaderBytes, '\0');
  auto write_frame = [&]() -> StorageResult<void> {
    if (frame.records == 0) return {};
    frame.length = static_cast<uint32_t>(bytes.size() - kFrameHeaderBytes);
    frame.synced = frame.batch++;
    encode(frame, salt, bytes.data());
    auto done = (*file)->write(end, bytes);
    end += bytes.size();
    bytes.resize(kFrameHeaderBytes);
    frame.records = 0;
    return done;
  };
  for (auto& [stream, copies] : work.copies) {
    for (ChunkCopy& copy : copies) {
      keep_live(copy);
      for (IndexEntry& entry : copy.chunk.entries) {
        if ((entry.flags & kEntryLost) != 0) continue;
        auto record = read_record_of(work, entry);
        if (!record) return fail_with(record.error());
        entry.offset = static_cast<uint32_t>(end + bytes.size());
        bytes.append(*record);
        ++frame.records;
        if (bytes.size() < kFrameBytes) continue;
        if (auto done = write_frame(); !done) return done;
      }
    }
    if (auto done = write_frame(); !done) return done;
  }
  if (auto done = (*file)->sync(); !done) return done;
  if (auto done = core_.files.sync_directory(core_.segments.directory()); !done) return done;
  core_.archive_bytes.fetch_add(end);
  work.old_data = std::make_shared<SegmentData>(SegmentData{*file, path});
  work.new_data = work.old_data;
  return {};
}

StorageResult<void> Archiver::write_file(const std::string& path, std::string_view bytes) {
  (void)core_.files.remove(path);
  auto file = core_.files.open(path, FileSystem::Mode::kCreate);
  if (!file) return fail_with(file.error());
  StorageResult<void> done = (*file)->write(0, bytes);
  if (done) done = (*file)->sync();
  core_.archive_bytes.fetch_add(bytes.size());
  if (!done) (void)core_.files.remove(path);
  return done;
}

StorageResult<void> Archiver::write_index(Work& work) {
  if (auto done = collect_expiries(work); !done) return done;
  IndexHeader header;
  header.salt = core_.log->salt();
  header.number = work.segment->number;
  header.generation = work.segment->generation + (work.new_data != nullptr ? 1 : 0);
  auto size = work.old_data->file->size();
  if (!size) return fail_with(size.error());
  header.data_bytes = work.new_data != nullptr ? *size : work.segment->size.load();
  std::vector<IndexedChunk> chunks;
  for (auto& [stream, copies] : work.copies) {
    for (ChunkCopy& copy : copies) chunks.push_back(std::move(copy.chunk));
  }
  std::string bytes = encode_index(header, chunks);
  size_t next = 0;
  for (auto& [stream, copies] : work.copies) {
    for (ChunkCopy& copy : copies) copy.chunk = std::move(chunks[next++]);
  }
  work.index_temporary = core_.segments.index_path(work.segment->number) + ".tmp";
  return write_file(work.index_temporary, bytes);
}

StorageResult<void> Archiver::repeat_words(uint64_t number) {
  auto complete = std::make_shared<std::atomic<bool>>(true);
  bool all = on_all_streams([number, complete](FileStreamStore& stream) {
    if (!stream.repeat_words(number)) complete->store(false);
  });
  if (!all) return storage_failure(StorageErrorKind::kClosed);
  if (!complete->load()) return storage_failure(StorageErrorKind::kDamaged);
  return {};
}

// Until everything that has been logged so far is synced.
StorageResult<void> Archiver::wait_until_synced() {
  struct Answer {
    std::mutex mutex;
    std::condition_variable come;
    bool here = false;
    StorageResult<void> result;
  };
  auto answer = std::make_shared<Answer>();
  core_.log->after_all([answer](const StorageError* error) {
    std::lock_guard lock(answer->mutex);
    if (error != nullptr) answer->result = fail_with(*error);
    answer->here = true;
    answer->come.notify_all();
  });
  if (!threaded_) core_.log->commit_once(true);
  std::unique_lock lock(answer->mutex);
  while (!answer->here) {
    answer->come.wait_for(lock, std::chrono::milliseconds(50));
    std::lock_guard own(mutex_);
    if (stopping_ || (!threaded_ && !answer->here)) {
      return storage_failure(StorageErrorKind::kClosed);
    }
  }
  return answer->result;
}

StorageResult<void> Archiver::commit(Work& work) {
  Segment& segment = *work.segment;
  std::string path = core_.segments.index_path(segment.number);
  auto file = core_.files.open(work.index_temporary, FileSystem::Mode::kRead);
  if (!file) return fail_with(file.error());
  if (auto done = core_.files.rename(work.index_temporary, path); !done) return done;
  // If this cannot be synced, a crash may take the index away: then the old file must be there.
  bool synced = static_cast<bool>(core_.files.sync_directory(core_.segments.directory()));
  auto index = std::make_shared<SegmentData>(SegmentData{*file, path});
  std::shared_ptr<SegmentData> before = segment.current();
  segment.archived.store(true);
  segment.reindex.store(false);
  segment.set_index(index);
  if (work.new_data != nullptr) {
    ++segment.generation;
    segment.set_rewritten(work.new_data);
    if (auto size = work.new_data->file->size()) segment.size.store(*size);
  }
  for (auto& [stream, copies] : work.copies) {
    auto shared = std::make_shared<std::vector<ChunkCopy>>(std::move(copies));
    stream->run(stream, [stream = stream, shared, index, data = work.new_data, kept = work.segment,
                         erasures = work.erasures] {
      stream->install(kept, *shared, index, data, erasures);
    });
  }
  if (work.new_data == nullptr || !synced) return {};
  // Chunks that are not installed yet keep the old file open; its name can go.
  return core_.files.remove(before->path);
}

// --- the catalog

bool Archiver::catalog_due() const {
  return core_.catalog_stale.load() &&
         (!threaded_ || std::chrono::steady_clock::now() >= next_catalog_);
}

// A second copy of what is said about streams and consumers besides their messages, for the day
// when the first one is damaged. Costs at most a few percent of the time.
StorageResult<void> Archiver::write_catalog() {
  auto begin = std::chrono::steady_clock::now();
  core_.catalog_stale.store(false);
  auto parts = std::make_shared<std::vector<std::string>>();
  auto guard = std::make_shared<std::mutex>();
  uint64_t salt = core_.log->salt();
  bool all = on_all_streams([parts, guard, salt](FileStreamStore& stream) {
    FrameHeader frame;
    std::string bytes(kFrameHeaderBytes, '\0');
    frame.records = stream.describe(bytes);
    frame.length = static_cast<uint32_t>(bytes.size() - kFrameHeaderBytes);
    std::lock_guard lock(*guard);
    frame.batch = parts->size() + 1;
    frame.synced = parts->size();
    encode(frame, salt, bytes.data());
    parts->push_back(std::move(bytes));
  });
  if (!all) return storage_failure(StorageErrorKind::kClosed);
  SegmentHeader header;
  header.salt = salt;
  header.first_batch = 1;
  header.previous_end = ~uint64_t{0};
  std::string bytes = encode(header);
  for (const std::string& part : *parts) bytes.append(part);
  std::string path = core_.segments.catalog_path();
  StorageResult<void> done = write_file(path + ".tmp", bytes);
  if (done) done = core_.files.rename(path + ".tmp", path);
  if (done) done = core_.files.sync_directory(core_.segments.directory());
  if (!done) core_.catalog_stale.store(true);
  auto end = std::chrono::steady_clock::now();
  next_catalog_ = end + std::max<std::chrono::nanoseconds>(kPause, (end - begin) * 30);
  return done;
}

// --- giving back

// A segment of which nothing lives: first its index says so, then the data goes, then the index.
StorageResult<void> Archiver::give_back(const std::shared_ptr<Segment>& segment) {
  // What killed the last messages must be on the disk before they go.
  if (!on_all_streams([](FileStreamStore& stream) { stream.flush_changes(); })) {
    return storage_failure(StorageErrorKind::kClosed);
  }
  if (auto done = wait_until_synced(); !done) return done;
  IndexHeader header;
  header.salt = core_.log->salt();
  header.number = segment->number;
  header.generation = segment->generation;
  std::vector<IndexedChunk> none;
  std::string path = core_.segments.index_path(segment->number);
  if (auto done = write_file(path + ".tmp", encode_index(header, none)); !done) return done;
  if (auto done = core_.files.rename(path + ".tmp", path); !done) return done;
  if (auto done = core_.files.sync_directory(core_.segments.directory()); !done) return done;
  // With whatever earlier and failed attempts may have left.
  for (uint32_t generation = 0; generation <= segment->generation + 1; ++generation) {
    auto done = core_.files.remove(core_.segments.data_path(segment->number, generation));
    if (!done && done.error().kind != StorageErrorKind::kNotFound) return done;
  }
  if (auto done = core_.files.sync_directory(core_.segments.directory()); !done) return done;
  if (auto done = core_.files.remove(path); !done) return done;
  core_.segments.remove(segment->number);
  uint64_t number = segment->number;
  for (auto& stream : streams_()) {
    stream->run(stream, [stream, number] { stream->forget_segment(number); });
  }
  return {};
}

}  // namespace natrix::storage
