// FileStore: a store on disk: the log, its archiver, the streams in it, beside them streams in
// memory. open_store() makes it; tests make it with a file system of their own and step by step.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "broker/storage/archiver.h"
#include "broker/storage/file_stream_store.h"
#include "broker/storage/memory_store.h"
#include "broker/storage/store.h"

namespace natrix::storage {

class FileStore final : public Store {
 public:
  // kSteps: nothing happens by itself; commit() and archive() are called, executors run what is
  // posted to them at once, all on one thread.
  enum class Threads : uint8_t { kOwn, kSteps };
  static StorageResult<std::unique_ptr<FileStore>> open(StoreOptions options, FileSystem& files,
                                                        Threads threads);
  ~FileStore() override;

  [[nodiscard]] std::vector<StreamInfo> streams() override;
  StorageResult<StreamId> create(const StreamInfo& info, Seq first_seq) override;
  StreamStore* attach(StreamId id, Executor& executor, StreamListener& listener) override;
  void detach(StreamId id) override;
  void remove(StreamId id, std::function<void(StorageResult<void>)> done) override;
  [[nodiscard]] StoreMetrics metrics() const override;
  [[nodiscard]] std::vector<DamageReport> damage() const override;

  // Steps. commit: one batch, lazy records too; false: there was none.
  bool commit() { return core_.log->commit_once(true); }
  void mark() { core_.log->mark(); }
  // Archives if more than `keep` complete segments are not; or gives back space.
  bool archive(unsigned keep) { return archiver_.step(keep); }

 private:
  friend class Recovery;
  FileStore(StoreOptions options, FileSystem& files, Threads threads);
  StorageResult<void> recover();
  void log_removal(StreamId id, std::function<void(StorageResult<void>)> done);
  void batch_done(std::vector<BatchShare>& shares, const StorageError* error);
  std::vector<std::shared_ptr<FileStreamStore>> stream_list() const;

  Threads threads_;
  std::shared_ptr<void> lock_;
  std::shared_ptr<StoreCore> shared_core_;
  StoreCore& core_;
  mutable std::mutex mutex_;  // the maps
  std::map<StreamId, std::shared_ptr<FileStreamStore>> streams_;
  std::set<StreamId> removing_;
  StreamId next_id_ = 1;
  struct InMemory {
    StreamInfo info;
    std::unique_ptr<MemoryStreamStore> store;
  };
  std::map<StreamId, InMemory> memory_;
  uint64_t last_head_ = 0;  // log writer's thread
  Archiver archiver_;
};

}  // namespace natrix::storage
