#include "broker/storage/file_store.h"

#include <fmt/format.h>

#include <random>

#include "broker/storage/recovery.h"

namespace natrix::storage {

FileStore::FileStore(StoreOptions options, FileSystem& files, Threads threads)
    : threads_(threads),
      shared_core_(std::make_shared<StoreCore>(files, options, options.directory + "/log")),
      core_(*shared_core_),
      archiver_(core_, [this] { return stream_list(); }) {}

StorageResult<std::unique_ptr<FileStore>> FileStore::open(StoreOptions options, FileSystem& files,
                                                          Threads threads) {
  std::string directory = options.directory;
  if (auto made = files.make_directories(directory + "/log"); !made) return fail_with(made.error());
  auto lock = files.lock(directory + "/lock");
  if (!lock) return fail_with(lock.error());
  std::unique_ptr<FileStore> store(new FileStore(std::move(options), files, threads));
  store->lock_ = *lock;
  if (auto synced = files.sync_directory(directory); !synced) return fail_with(synced.error());
  if (auto recovered = store->recover(); !recovered) return fail_with(recovered.error());
  if (threads == Threads::kOwn) {
    store->core_.log->start();
    store->archiver_.start();
  }
  return store;
}

FileStore::~FileStore() {
  archiver_.stop();
  for (auto& stream : stream_list()) stream->silence();
  if (core_.log != nullptr) core_.log->stop();
  for (auto& stream : stream_list()) stream->leave();
}

StorageResult<void> FileStore::recover() {
  core_.log =
      std::make_unique<LogWriter>(core_.files, core_.segments, core_.options, core_.damage,
                                  [this](std::vector<BatchShare>& shares,
                                         const StorageError* error) { batch_done(shares, error); });
  Recovery recovery(shared_core_);
  auto start = recovery.run();
  if (!start) return fail_with(start.error());
  streams_ = recovery.take_streams();
  next_id_ = recovery.next_stream_id();
  for (auto& [id, stream] : streams_) stream->attach(stream, nullptr, nullptr);
  core_.log->on_writable([this] {
    for (auto& stream : stream_list()) {
      stream->run(stream, [stream] { stream->flush_changes(); });
    }
  });
  if (auto opened = core_.log->open(*start); !opened) return opened;
  for (auto& [id, stream] : streams_) stream->log_restored();
  return {};
}

void FileStore::batch_done(std::vector<BatchShare>& shares, const StorageError* error) {
  struct Told {
    std::shared_ptr<FileStreamStore> stream;
    FileStreamStore::Turn turn;
    Ticket first, last;
  };
  std::map<Executor*, std::vector<Told>> by_executor;
  for (BatchShare& share : shares) {
    auto stream = std::static_pointer_cast<FileStreamStore>(share.client);
    FileStreamStore::Turn turn = stream->turn();
    by_executor[turn.executor].push_back({std::move(stream), turn, share.first, share.last});
  }
  std::shared_ptr<StorageError> copy;
  if (error != nullptr) copy = std::make_shared<StorageError>(*error);
  for (auto& [executor, told] : by_executor) {
    auto tell = [told = std::move(told), copy] {
      for (const Told& one : told) {
        one.stream->run_in(one.turn, one.stream, [one, copy] {
          one.stream->batch_done(one.first, one.last, copy.get());
        });
      }
    };
    if (executor == nullptr) {
      tell();
    } else {
      executor->post(std::move(tell));
    }
  }
  if (core_.log->head() != last_head_) {
    last_head_ = core_.log->head();
    archiver_.wake();
  }
}

std::vector<std::shared_ptr<FileStreamStore>> FileStore::stream_list() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<FileStreamStore>> all;
  for (auto& [id, stream] : streams_) all.push_back(stream);
  return all;
}

std::vector<StreamInfo> FileStore::streams() {
  std::lock_guard lock(mutex_);
  std::map<StreamId, StreamInfo> sorted;
  for (auto& [id, stream] : streams_) {
    if (removing_.count(id) == 0) sorted[id] = stream->info();
  }
  for (auto& [id, stream] : memory_) sorted[id] = stream.info;
  std::vector<StreamInfo> all;
  for (auto& [id, info] : sorted) all.push_back(std::move(info));
  return all;
}

StorageResult<StreamId> FileStore::create(const StreamInfo& info, Seq first_seq) {
  StreamInfo mine = info;
  std::shared_ptr<FileStreamStore> stream;
  {
    std::lock_guard lock(mutex_);
    mine.id = next_id_++;
    if (info.in_memory) {
      memory_[mine.id] = {mine, std::make_unique<MemoryStreamStore>(info.config, first_seq)};
      return mine.id;
    }
    stream = std::make_shared<FileStreamStore>(shared_core_, mine, first_seq);
    streams_[mine.id] = stream;
  }
  stream->attach(stream, nullptr, nullptr);
  stream->run(stream, [stream] { stream->log_description(); });
  return mine.id;
}

StreamStore* FileStore::attach(StreamId id, Executor& executor, StreamListener& listener) {
  std::shared_ptr<FileStreamStore> stream;
  {
    std::lock_guard lock(mutex_);
    if (auto found = memory_.find(id); found != memory_.end()) return found->second.store.get();
    auto found = streams_.find(id);
    if (found == streams_.end() || removing_.count(id) == 1) return nullptr;
    stream = found->second;
  }
  if (stream->attached()) return nullptr;
  stream->attach(stream, &executor, &listener);
  return stream.get();
}

void FileStore::detach(StreamId id) {
  std::shared_ptr<FileStreamStore> stream;
  {
    std::lock_guard lock(mutex_);
    auto found = streams_.find(id);
    if (found == streams_.end()) return;
    stream = found->second;
  }
  stream->detach();
}

void FileStore::remove(StreamId id, std::function<void(StorageResult<void>)> done) {
  std::shared_ptr<FileStreamStore> stream;
  bool in_memory = false;
  {
    std::lock_guard lock(mutex_);
    in_memory = memory_.erase(id) == 1;
    if (auto found = streams_.find(id); found != streams_.end()) {
      stream = found->second;
      // The archiver counts with it until its removal is in the log.
      if (!removing_.insert(id).second) stream = nullptr;
    }
  }
  if (stream == nullptr) {
    done(in_memory ? StorageResult<void>() : storage_failure(StorageErrorKind::kNotFound));
    return;
  }
  stream->run(stream, [this, id, stream, done = std::move(done)] {
    // What the stream still had to say stands before.
    stream->flush_changes();
    log_removal(id, done);
    stream->drop();
    std::lock_guard lock(mutex_);
    streams_.erase(id);
    removing_.erase(id);
  });
}

// Like every removal it stays in force if it cannot be written: then it is said again.
void FileStore::log_removal(StreamId id, std::function<void(StorageResult<void>)> done) {
  std::string record;
  begin_record(record, RecordType::kStreamRemoved, id);
  finish_record(record, 0, core_.log->salt());
  core_.log->append(record, [this, id, done = std::move(done)](const StorageError* error) {
    if (done) done(error == nullptr ? StorageResult<void>() : fail_with(*error));
    if (error != nullptr) log_removal(id, nullptr);
  });
}

StoreMetrics FileStore::metrics() const {
  StoreMetrics metrics;
  core_.log->fill(metrics);
  metrics.written_bytes += core_.archive_bytes.load();
  metrics.damage_reports = core_.damage.count();
  for (auto& segment : core_.segments.all()) {
    ++metrics.segments;
    metrics.disk_bytes += segment->size.load();
  }
  return metrics;
}

std::vector<DamageReport> FileStore::damage() const {
  return core_.damage.reports();
}

}  // namespace natrix::storage
