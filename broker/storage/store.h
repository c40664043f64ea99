// Store: everything JetStream keeps on one server, all accounts and streams.
//
//   StorageResult<std::unique_ptr<Store>> store = open_store(options);
//   for (StreamInfo& found : (*store)->streams()) ...   // what an earlier run left
//   StreamStore* stream = (*store)->attach(id, shard_executor, listener);
//
// Threads: open_store, create, attach, remove and streams from one thread at a time, any thread;
// metrics from any thread. StreamStores see stream_store.h. Destroying the Store syncs what is
// buffered; executors must have stopped or no longer hold tasks of the store, listeners must live
// until detach().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/storage/stream_store.h"
#include "broker/storage/types.h"

namespace natrix::storage {

using StreamId = uint32_t;  // never given out twice in a store's life

// Something wrong with a file, found when opening or reading. What is intact stays readable, the
// damaged file is kept (renamed to *.damaged when it is taken out of use).
struct DamageReport {
  std::string file;
  uint64_t offset = 0;
  std::string what;
};

struct StoreOptions {
  std::string directory;  // made if absent; empty: a store in memory only
  // Zero: what is waited for is synced before it is reported (the default). Otherwise tickets are
  // complete when *written*, and syncs happen at this interval.
  std::chrono::nanoseconds sync_interval{0};
  // How long a change that nobody waits for may stay buffered.
  std::chrono::milliseconds lazy_write{100};
  uint64_t segment_bytes = 64u << 20;
  // Segments that recovery replays; older ones are indexed and only their index is read.
  unsigned replay_segments = 4;
  uint64_t buffered_bytes_max = 256u << 20;  // appends are refused with kBusy beyond
  uint64_t index_memory_max = 256u << 20;    // per-message index kept in memory beyond the replayed
  uint64_t read_memory_max = 64u << 20;      // windows of files kept for readers
  // Called on any thread, must not call the store.
  std::function<void(const DamageReport&)> on_damage;
};

struct StreamInfo {
  StreamId id = 0;
  std::string account;
  std::string name;
  std::string config;
  bool in_memory = false;
};

struct StoreMetrics {
  uint64_t synced_batches = 0;
  uint64_t synced_records = 0;
  uint64_t written_bytes = 0;  // to journal, indexes and rewritten segments
  uint64_t sync_nanos = 0;     // spent in syncs, in all
  uint64_t sync_nanos_max = 0;
  uint64_t failed_batches = 0;
  uint64_t damage_reports = 0;
  uint64_t segments = 0;
  uint64_t disk_bytes = 0;
  uint64_t buffered_bytes = 0;
  bool writable = true;  // false: the last write or sync failed and none has succeeded since
};

class Store {
 public:
  virtual ~Store() = default;

  // Streams that exist, in order of their ids. Those of an earlier run are all here after opening,
  // loaded and ready; they are served when attached.
  [[nodiscard]] virtual std::vector<StreamInfo> streams() = 0;
  // A new stream; info.id is ignored and given. `first_seq` is what its first message gets.
  // Not synced on return: the ticket of StreamStore::barrier() after attach() says when.
  virtual StorageResult<StreamId> create(const StreamInfo& info, Seq first_seq) = 0;
  // Hands the stream over to `executor`'s thread. Null: no such stream. Once, until detach.
  virtual StreamStore* attach(StreamId id, Executor& executor, StreamListener& listener) = 0;
  // On the stream's thread: no listener calls after this, the StreamStore must not be used any
  // more. The stream may be attached again.
  virtual void detach(StreamId id) = 0;
  // Removes the (detached) stream with everything in it; `done` is called on any thread when that
  // is synced, or with the error.
  virtual void remove(StreamId id, std::function<void(StorageResult<void>)> done) = 0;

  [[nodiscard]] virtual StoreMetrics metrics() const = 0;
  // All damage seen since opening, at most the first 1000.
  [[nodiscard]] virtual std::vector<DamageReport> damage() const = 0;
};

// Opens or makes a store. kIo: the directory cannot be used (or another process uses it);
// kDamaged only if nothing at all can be made of it. Everything else that is damaged is reported
// and taken out of use.
StorageResult<std::unique_ptr<Store>> open_store(StoreOptions options);

}  // namespace natrix::storage
