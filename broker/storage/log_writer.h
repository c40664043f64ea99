// LogWriter: the end of the log. Takes records from every shard, writes and syncs whatever has come
// together in one go (group commit), and tells who waits.
//
// Threads: append() and read() from any; commit_once() from one at a time, the writer's own thread
// once start() was called. Clients are told on that thread.
//
// After a failed write or sync the file is not touched again: what was in it unsynced counts as not
// written, the log goes on in a new segment, which says where the old one ended. Until a new one
// can be made and synced, messages are refused.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "broker/storage/damage.h"
#include "broker/storage/record.h"
#include "broker/storage/segment_format.h"
#include "broker/storage/segment_table.h"
#include "broker/storage/store.h"

namespace natrix::storage {

struct LogPlace {
  std::shared_ptr<Segment> segment;
  uint32_t offset = 0;
};

// Who has records in a batch.
struct BatchShare;
class LogClient {
 public:
  virtual ~LogClient() = default;
  // The client has dealt with a failed batch: its messages are taken again.
  void clear_failure() { failed_.store(false, std::memory_order_release); }

 private:
  friend class LogWriter;
  std::atomic<bool> failed_{false};
  uint64_t batch_ = 0;  // in which it last had a record
  size_t share_ = 0;    // where in that batch
};

struct BatchShare {
  std::shared_ptr<LogClient> client;
  Ticket first = 0;
  Ticket last = 0;
};

// Hears about every batch, on the writer's thread. `error` is null if it was synced.
using BatchHandler =
    std::function<void(std::vector<BatchShare>& shares, const StorageError* error)>;

enum class Urgency : uint8_t { kNow, kLazy };

class LogWriter {
 public:
  LogWriter(FileSystem& files, SegmentTable& segments, const StoreOptions& options,
            DamageLog& damage, BatchHandler handler);
  ~LogWriter();

  // Called on the writer's thread when the disk takes writes again after a failure.
  void on_writable(std::function<void()> tell) { writable_again_ = std::move(tell); }

  // Before anything else: where recovery found the end.
  struct Start {
    uint64_t salt = 0;
    uint64_t segment = 1;
    uint64_t batch = 1;
    uint64_t previous_end = 0;
  };
  // For reading records before the log is open.
  void set_salt(uint64_t salt) { salt_ = salt; }
  // Makes the first segment. On a full disk the log is open and refuses messages.
  StorageResult<void> open(const Start& start);

  // A record made with the store's salt. Nothing is taken of a client that has not dealt with a
  // failed batch yet. `is_message`: refused while the disk refuses, and beyond buffered_bytes_max;
  // other records are taken. Several `records` in one go are written in one frame. The shared
  // client is told when its ticket is decided.
  StorageResult<LogPlace> append(std::string_view record, const std::shared_ptr<LogClient>& client,
                                 Ticket ticket, bool is_message, Urgency urgency,
                                 uint32_t records = 1);
  // A record of nobody's; `done` on the writer's thread.
  LogPlace append(std::string_view record, std::function<void(const StorageError*)> done);
  // Overwrites a message once the kErase record that precedes is synced. What cannot be overwritten
  // is reported and tried again some times; it does not hold up the log.
  struct Erasure {
    std::shared_ptr<Segment> segment;
    std::shared_ptr<SegmentData> data;  // null: the segment's own
    uint32_t offset = 0, length = 0;
    unsigned tries = 0;
  };
  void erase_after(Erasure erasure);
  // `done` when everything before is synced.
  void after_all(std::function<void(const StorageError*)> done);
  // What waits is to be synced now.
  void hurry();

  // Bytes of a record that may not have been written yet. False: not in a buffer (any more).
  bool read(const Segment& segment, uint32_t offset, uint32_t length, std::string& to);

  // Writes and syncs one batch if there is one (lazy records count if `all`). False: there was
  // nothing to do.
  bool commit_once(bool all);
  // Says in the log that what precedes was synced, if nothing else has said so yet. The thread does
  // it when it has nothing to do: damage found later at the end of the log is then known to be
  // damage, not an unfinished write.
  void mark();
  void start();
  // Writes and syncs what is there, then ends the thread.
  void stop();

  [[nodiscard]] uint64_t salt() const { return salt_; }
  // The last write succeeded.
  [[nodiscard]] bool writable() const { return metric_writable_.load(std::memory_order_relaxed); }
  // Less is buffered than allowed.
  [[nodiscard]] bool has_room() const {
    return metric_buffered_.load(std::memory_order_relaxed) < options_.buffered_bytes_max;
  }
  // The segment where the next record goes.
  [[nodiscard]] uint64_t head() const { return head_.load(std::memory_order_acquire); }
  // Every segment below `number` is complete and synced.
  [[nodiscard]] uint64_t sealed_below() const {
    return sealed_below_.load(std::memory_order_acquire);
  }
  void fill(StoreMetrics& metrics) const;

 private:
  struct Batch {
    std::shared_ptr<Segment> segment;
    uint64_t start = 0;  // offset of the frame
    std::string bytes;   // begins with room for the frame's header
    uint32_t records = 0;
    bool urgent = false;
    std::vector<BatchShare> shares;
    std::vector<std::function<void(const StorageError*)>> done;
    std::vector<Erasure> erasures;
    [[nodiscard]] bool empty() const { return records == 0 && erasures.empty() && done.empty(); }
  };

  LogPlace place(std::string_view record, Urgency urgency, uint32_t records = 1);
  void begin_batch(std::shared_ptr<Segment> segment, uint64_t start);
  bool take_batch(bool all, bool marker);
  bool commit(bool all, bool marker);
  StorageResult<void> write_batch();
  StorageResult<void> sync();
  StorageResult<void> sync_if_needed();
  StorageResult<void> enter_segment(const std::shared_ptr<Segment>& segment);
  StorageResult<void> make_file(Segment& segment);
  void run_erasures();
  static StorageResult<void> overwrite(const Erasure& erasure, uint64_t salt);
  void fail_everything(const StorageError& error);
  static void merge(Batch& into, Batch& later);
  void finish(Batch& batch, const StorageError* error);
  void keep_buffer(Batch& batch);
  bool probe();
  void run();
  bool wait_for_work();

  FileSystem& files_;
  SegmentTable& segments_;
  const StoreOptions& options_;
  DamageLog& damage_;
  BatchHandler handler_;
  std::function<void()> writable_again_;
  uint64_t salt_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  Batch open_;    // takes records
  Batch flight_;  // is being written; its bytes are read under the mutex, changed by the thread
  std::string spare_;     // a buffer that an earlier batch had
  uint64_t open_id_ = 0;  // of open_, for LogClient
  bool marked_ = true;    // the log says of its last data that they were synced
  bool stopping_ = false;
  bool writable_ = true;
  StorageError last_error_;
  std::chrono::steady_clock::time_point oldest_lazy_{};

  // Writer's thread only.
  std::shared_ptr<File> file_;  // of the segment being written
  std::shared_ptr<Segment> current_;
  uint64_t end_ = 0;  // of the log in current_
  uint64_t synced_batch_ = 0;
  uint64_t batch_ = 0;         // the last number given to a frame
  uint64_t previous_end_ = 0;  // for the header of the next segment
  std::chrono::steady_clock::time_point last_sync_{};

  std::atomic<uint64_t> head_{0};
  std::atomic<uint64_t> sealed_below_{0};
  std::thread thread_;

  std::atomic<uint64_t> metric_batches_{0}, metric_records_{0}, metric_bytes_{0}, metric_nanos_{0},
      metric_nanos_max_{0}, metric_failed_{0}, metric_buffered_{0};
  std::atomic<bool> metric_writable_{true};
};

}  // namespace natrix::storage
