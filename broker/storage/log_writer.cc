#include "broker/storage/log_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "broker/base/assert.h"

namespace natrix::storage {

namespace {

constexpr auto kProbeInterval = std::chrono::milliseconds(200);
constexpr auto kIdleBeforeMark = std::chrono::milliseconds(50);
constexpr size_t kSpareMax = 4 << 20;  // a larger buffer is not kept

using Clock = std::chrono::steady_clock;

}  // namespace

LogWriter::LogWriter(FileSystem& files, SegmentTable& segments, const StoreOptions& options,
                     DamageLog& damage, BatchHandler handler)
    : files_(files),
      segments_(segments),
      options_(options),
      damage_(damage),
      handler_(std::move(handler)) {}

LogWriter::~LogWriter() {
  stop();
}

StorageResult<void> LogWriter::open(const Start& start) {
  salt_ = start.salt;
  batch_ = start.batch;
  synced_batch_ = start.batch;
  previous_end_ = start.previous_end;
  last_sync_ = Clock::now();
  begin_batch(segments_.add(start.segment), kSegmentHeaderBytes);
  StorageResult<void> entered = enter_segment(open_.segment);
  if (entered || entered.error().kind != StorageErrorKind::kFull) return entered;
  // What is there can be read; the writer tries again.
  writable_ = false;
  last_error_ = entered.error();
  metric_writable_.store(false, std::memory_order_relaxed);
  return {};
}

// --- taking records ------------------------------------------------------------------------

void LogWriter::begin_batch(std::shared_ptr<Segment> segment, uint64_t start) {
  open_ = Batch{};
  open_.segment = std::move(segment);
  open_.start = start;
  open_.bytes = std::exchange(spare_, {});
  open_.bytes.assign(kFrameHeaderBytes, '\0');
  ++open_id_;
  head_.store(open_.segment->number, std::memory_order_release);
}

LogPlace LogWriter::place(std::string_view record, Urgency urgency, uint32_t records) {
  LogPlace at{open_.segment, static_cast<uint32_t>(open_.start + open_.bytes.size())};
  bool first = open_.records == 0;
  if (first) oldest_lazy_ = Clock::now();
  open_.records += records;
  open_.bytes.append(record);
  metric_buffered_.store(open_.bytes.size() + flight_.bytes.size(), std::memory_order_relaxed);
  if (urgency == Urgency::kNow && !open_.urgent) {
    open_.urgent = true;
    wake_.notify_one();
  } else if (first) {
    wake_.notify_one();
  }
  return at;
}

StorageResult<LogPlace> LogWriter::append(std::string_view record,
                                          const std::shared_ptr<LogClient>& client, Ticket ticket,
                                          bool is_message, Urgency urgency, uint32_t records) {
  std::lock_guard lock(mutex_);
  if (stopping_) return storage_failure(StorageErrorKind::kClosed, "the store is closing");
  if (client->failed_.load(std::memory_order_acquire)) return fail_with(last_error_);
  if (is_message) {
    if (!writable_) return fail_with(last_error_);
    size_t buffered = open_.bytes.size() + flight_.bytes.size() + record.size();
    if (buffered > options_.buffered_bytes_max) {
      return storage_failure(StorageErrorKind::kBusy, "too much waits to be written");
    }
  }
  if (client->batch_ == open_id_) {
    open_.shares[client->share_].last = ticket;
  } else {
    client->batch_ = open_id_;
    client->share_ = open_.shares.size();
    open_.shares.push_back({client, ticket, ticket});
  }
  return place(record, urgency, records);
}

LogPlace LogWriter::append(std::string_view record, std::function<void(const StorageError*)> done) {
  std::lock_guard lock(mutex_);
  if (done) open_.done.push_back(std::move(done));
  return place(record, Urgency::kNow);
}

void LogWriter::erase_after(Erasure erasure) {
  std::lock_guard lock(mutex_);
  open_.erasures.push_back(std::move(erasure));
  open_.urgent = true;
  wake_.notify_one();
}

void LogWriter::after_all(std::function<void(const StorageError*)> done) {
  std::lock_guard lock(mutex_);
  open_.done.push_back(std::move(done));
  open_.urgent = true;
  wake_.notify_one();
}

void LogWriter::hurry() {
  std::lock_guard lock(mutex_);
  if (open_.empty() || open_.urgent) return;
  open_.urgent = true;
  wake_.notify_one();
}

bool LogWriter::read(const Segment& segment, uint32_t offset, uint32_t length, std::string& to) {
  std::lock_guard lock(mutex_);
  for (const Batch* batch : {&open_, &flight_}) {
    if (batch->segment.get() != &segment || offset < batch->start) continue;
    uint64_t at = offset - batch->start;
    if (at + length > batch->bytes.size()) continue;
    to.assign(batch->bytes, at, length);
    return true;
  }
  return false;
}

// --- writing them --------------------------------------------------------------------------

bool LogWriter::take_batch(bool all, bool marker) {
  std::lock_guard lock(mutex_);
  if (open_.empty() ? !marker : !(open_.urgent || all)) return false;
  flight_ = std::move(open_);
  uint64_t next = flight_.start + flight_.bytes.size();
  if (next >= options_.segment_bytes) {
    begin_batch(segments_.add(flight_.segment->number + 1), kSegmentHeaderBytes);
  } else {
    begin_batch(flight_.segment, next);
  }
  return true;
}

bool LogWriter::commit_once(bool all) {
  return commit(all, false);
}

void LogWriter::mark() {
  if (!marked_) commit(true, true);
}

bool LogWriter::commit(bool all, bool marker) {
  if (!probe() || !take_batch(all, marker)) return false;
  StorageResult<void> done = write_batch();
  if (done && !flight_.erasures.empty()) done = sync_if_needed();
  if (!done) {
    fail_everything(done.error());
    return true;
  }
  run_erasures();
  metric_batches_.fetch_add(1, std::memory_order_relaxed);
  metric_records_.fetch_add(flight_.records, std::memory_order_relaxed);
  metric_bytes_.fetch_add(flight_.bytes.size(), std::memory_order_relaxed);
  marked_ = marker && flight_.records == 0;
  Batch batch;
  {
    std::lock_guard lock(mutex_);
    batch = std::move(flight_);
    flight_ = Batch{};
    metric_buffered_.store(open_.bytes.size(), std::memory_order_relaxed);
  }
  finish(batch, nullptr);
  keep_buffer(batch);
  return true;
}

// The next batch need not grow its buffer anew, which would copy every record about once more.
void LogWriter::keep_buffer(Batch& batch) {
  if (batch.bytes.capacity() > kSpareMax) return;
  std::lock_guard lock(mutex_);
  if (spare_.capacity() < batch.bytes.capacity()) spare_ = std::move(batch.bytes);
}

StorageResult<void> LogWriter::write_batch() {
  if (flight_.segment != current_) {
    // A later segment may only exist when all before is synced.
    if (auto done = sync_if_needed(); !done) return done;
    if (auto made = enter_segment(flight_.segment); !made) return made;
  }
  // A message that is overwritten must stand in a frame of which a later one says that it was
  // synced: if the power goes meanwhile, what is found is damage of one record and not the end of
  // the log.
  if (!flight_.erasures.empty()) {
    if (auto done = sync_if_needed(); !done) return done;
  }
  FrameHeader header;
  header.length = static_cast<uint32_t>(flight_.bytes.size() - kFrameHeaderBytes);
  header.records = flight_.records;
  header.batch = batch_ + 1;
  header.synced = synced_batch_;
  {
    std::lock_guard lock(mutex_);  // readers copy from these bytes
    encode(header, salt_, flight_.bytes.data());
  }
  if (auto done = file_->write(flight_.start, flight_.bytes); !done) {
    // Best effort, it may give space back; the next segment says that nothing was here.
    (void)file_->truncate(flight_.start);
    return done;
  }
  ++batch_;
  if (options_.sync_interval.count() == 0 || Clock::now() - last_sync_ >= options_.sync_interval) {
    if (auto done = sync(); !done) return done;
  }
  end_ = flight_.start + flight_.bytes.size();
  current_->size.store(end_, std::memory_order_relaxed);
  current_->written.store(end_, std::memory_order_release);
  return {};
}

StorageResult<void> LogWriter::sync_if_needed() {
  return synced_batch_ == batch_ ? StorageResult<void>() : sync();
}

StorageResult<void> LogWriter::sync() {
  auto begin = Clock::now();
  auto done = file_->sync();
  last_sync_ = Clock::now();
  auto nanos = static_cast<uint64_t>((last_sync_ - begin).count());
  metric_nanos_.fetch_add(nanos, std::memory_order_relaxed);
  if (nanos > metric_nanos_max_.load(std::memory_order_relaxed)) {
    metric_nanos_max_.store(nanos, std::memory_order_relaxed);
  }
  if (done) {
    synced_batch_ = batch_;
  } else if (synced_batch_ + 1 < batch_) {
    damage_.report(current_->data()->path, 0,
                   fmt::format("batches {} to {} were written but could not be synced: {}",
                               synced_batch_ + 1, batch_ - 1, done.error().message));
  }
  return done;
}

StorageResult<void> LogWriter::enter_segment(const std::shared_ptr<Segment>& segment) {
  if (current_ != nullptr && current_->number != segment->number) previous_end_ = end_;
  if (segment->data() == nullptr) {
    if (auto made = make_file(*segment); !made) return made;
  }
  current_ = segment;
  file_ = segment->data()->file;
  end_ = kSegmentHeaderBytes;
  sealed_below_.store(segment->number, std::memory_order_release);
  return {};
}

StorageResult<void> LogWriter::make_file(Segment& segment) {
  std::string path = segments_.data_path(segment.number, 0);
  auto file = files_.open(path, FileSystem::Mode::kCreate);
  if (!file && files_.open(path, FileSystem::Mode::kRead)) {
    // Left by an attempt that failed; nothing in it was ever acknowledged.
    if (auto removed = files_.remove(path); !removed) return removed;
    file = files_.open(path, FileSystem::Mode::kCreate);
  }
  if (!file) return fail_with(file.error());
  SegmentHeader header;
  header.salt = salt_;
  header.number = segment.number;
  header.first_batch = batch_ + 1;
  header.previous_end = previous_end_;
  StorageResult<void> done = (*file)->write(0, encode(header));
  if (done) done = (*file)->sync();
  if (done) done = files_.sync_directory(segments_.directory());
  if (!done) {
    (void)files_.remove(path);
    return done;
  }
  segment.size.store(kSegmentHeaderBytes, std::memory_order_relaxed);
  segment.written.store(kSegmentHeaderBytes, std::memory_order_relaxed);
  segment.set_data(std::make_shared<SegmentData>(SegmentData{*file, path}));
  return {};
}

StorageResult<void> LogWriter::overwrite(const Erasure& erasure, uint64_t salt) {
  auto data = erasure.data != nullptr ? erasure.data : erasure.segment->data();
  if (data == nullptr) return storage_failure(StorageErrorKind::kNotFound);
  auto done = data->file->write(erasure.offset, erased_record(erasure.length, salt));
  return done ? data->file->sync() : done;
}

void LogWriter::run_erasures() {
  constexpr unsigned kTriesMax = 10;
  for (Erasure& erasure : flight_.erasures) {
    auto done = overwrite(erasure, salt_);
    if (done) continue;
    if (erasure.tries == 0) {
      auto data = erasure.data != nullptr ? erasure.data : erasure.segment->data();
      damage_.report(data == nullptr ? segments_.data_path(erasure.segment->number, 0) : data->path,
                     erasure.offset,
                     "an erased message could not be overwritten: " + done.error().message);
    }
    if (++erasure.tries == kTriesMax) continue;
    std::lock_guard lock(mutex_);
    if (open_.empty()) oldest_lazy_ = Clock::now();
    open_.erasures.push_back(erasure);
  }
}

// --- failure -------------------------------------------------------------------------------

void LogWriter::fail_everything(const StorageError& error) {
  Batch failed, later;
  {
    std::lock_guard lock(mutex_);
    failed = std::move(flight_);
    flight_ = Batch{};
    later = std::move(open_);
    writable_ = false;
    last_error_ = error;
    for (Batch* batch : {&failed, &later}) {
      for (BatchShare& share : batch->shares) share.client->failed_.store(true);
    }
    // Where the log goes on: behind the last segment that exists. One in which nothing was written
    // successfully is made anew instead, or a disk that stays full would fill with empty ones.
    bool unused = end_ == kSegmentHeaderBytes;
    begin_batch(segments_.add(current_->number + (unused ? 0 : 1)), kSegmentHeaderBytes);
    // Of these the records are synced: nobody else will ask for them again.
    for (Batch* batch : {&failed, &later}) {
      std::copy_if(batch->erasures.begin(), batch->erasures.end(),
                   std::back_inserter(open_.erasures),
                   [](const Erasure& e) { return e.tries > 0; });
    }
    oldest_lazy_ = Clock::now();
    metric_buffered_.store(0, std::memory_order_relaxed);
    metric_writable_.store(false, std::memory_order_relaxed);
  }
  metric_failed_.fetch_add(1, std::memory_order_relaxed);
  merge(failed, later);
  finish(failed, &error);
}

// A client hears once of all that failed.
void LogWriter::merge(Batch& into, Batch& later) {
  std::unordered_map<LogClient*, size_t> known;
  for (size_t i = 0; i < into.shares.size(); ++i) known[into.shares[i].client.get()] = i;
  for (BatchShare& share : later.shares) {
    auto found = known.find(share.client.get());
    if (found == known.end()) {
      into.shares.push_back(std::move(share));
    } else {
      into.shares[found->second].last = share.last;
    }
  }
  std::move(later.done.begin(), later.done.end(), std::back_inserter(into.done));
}

// Whether the disk takes writes; after a failure tries to begin a new segment.
bool LogWriter::probe() {
  if (writable_) return true;
  std::shared_ptr<Segment> next;
  {
    std::lock_guard lock(mutex_);
    next = open_.segment;
  }
  StorageResult<void> made = enter_segment(next);
  {
    std::lock_guard lock(mutex_);
    if (!made) {
      last_error_ = made.error();
      return false;
    }
    synced_batch_ = batch_;
    writable_ = true;
    metric_writable_.store(true, std::memory_order_relaxed);
  }
  if (writable_again_) writable_again_();
  return true;
}

void LogWriter::finish(Batch& batch, const StorageError* error) {
  if (!batch.shares.empty()) handler_(batch.shares, error);
  for (auto& done : batch.done) done(error);
}

// --- the thread ----------------------------------------------------------------------------

void LogWriter::start() {
  thread_ = std::thread([this] { run(); });
}

void LogWriter::stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  if (current_ != nullptr) {
    while (commit_once(true)) {
    }
    if (writable_ && synced_batch_ != batch_) (void)sync();
    mark();
  }
  // What could not be written keeps its streams alive, and they the core that has this writer.
  std::vector<BatchShare> unheard;
  std::lock_guard lock(mutex_);
  unheard.swap(open_.shares);
  flight_.shares.clear();
  open_.done.clear();
  flight_.done.clear();
}

void LogWriter::run() {
  while (wait_for_work()) {
  }
}

// One round: waits, then does what is due. False: stop.
bool LogWriter::wait_for_work() {
  bool lazy_due = false;
  bool idle = false;
  {
    std::unique_lock lock(mutex_);
    auto ready = [this] { return stopping_ || (writable_ && open_.urgent); };
    if (!writable_) {
      wake_.wait_for(lock, kProbeInterval, [this] { return stopping_; });
    } else if (!open_.empty() && !open_.urgent) {
      lazy_due = !wake_.wait_until(lock, oldest_lazy_ + options_.lazy_write, ready);
    } else if (!marked_ || synced_batch_ != batch_) {
      auto until = Clock::now() + kIdleBeforeMark;
      if (synced_batch_ != batch_) until = last_sync_ + options_.sync_interval;
      idle = !wake_.wait_until(lock, until, [&] { return ready() || !open_.empty(); });
    } else {
      wake_.wait(lock, [&] { return ready() || !open_.empty(); });
    }
    if (stopping_) return false;
    if (writable_ && !open_.urgent && !lazy_due && !idle) return true;
  }
  if (idle && options_.sync_interval.count() != 0) {
    if (synced_batch_ == batch_) {
      mark();
    } else if (Clock::now() - last_sync_ >= options_.sync_interval) {
      if (auto done = sync(); !done) fail_everything(done.error());
    }
    return true;
  }
  if (idle) {
    mark();
  } else {
    commit_once(lazy_due);
  }
  return true;
}

void LogWriter::fill(StoreMetrics& metrics) const {
  auto get = [](const std::atomic<uint64_t>& v) { return v.load(std::memory_order_relaxed); };
  metrics.synced_batches = get(metric_batches_);
  metrics.synced_records = get(metric_records_);
  metrics.written_bytes += get(metric_bytes_);
  metrics.sync_nanos = get(metric_nanos_);
  metrics.sync_nanos_max = get(metric_nanos_max_);
  metrics.failed_batches = get(metric_failed_);
  metrics.buffered_bytes = get(metric_buffered_);
  metrics.writable = metric_writable_.load(std::memory_order_relaxed);
}

}  // namespace natrix::storage
