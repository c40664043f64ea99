// FileStreamStore: a stream in the store's log. The index is in memory (older parts of it are
// brought back from index files), messages are read from segments when asked for.
//
// Made and filled by recovery or create(), then handed to the thread of whoever attaches it. Work
// of the store on a stream (archiving) goes through run(), which knows whose turn it is.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/storage/file_consumer_store.h"
#include "broker/storage/indexed_stream_store.h"
#include "broker/storage/log_writer.h"
#include "broker/storage/memory_consumer_store.h"
#include "broker/storage/read_windows.h"
#include "broker/storage/segment_index.h"

namespace natrix::storage {

// What all parts of a store on disk share.
struct StoreCore {
  StoreCore(FileSystem& fs, StoreOptions o, std::string log_directory);

  FileSystem& files;
  StoreOptions options;
  SegmentTable segments;
  DamageLog damage;
  std::unique_ptr<LogWriter> log;
  std::atomic<uint64_t> index_memory{0};  // entries that could be dropped
  std::atomic<uint64_t> read_memory{0};
  std::atomic<uint64_t> archive_bytes{0};  // written to indexes and rewritten segments
  std::atomic<uint64_t> next_chunk{1};
  std::atomic<bool> catalog_stale{true};  // a stream or a consumer has come, gone or changed
};

// A copy of a chunk for the archiver.
struct ChunkCopy {
  uint64_t uid = 0;
  uint32_t number = 0;
  IndexedChunk chunk;            // entries with places of subjects; removed ones marked
  std::vector<uint32_t> places;  // rewritten: which entries of the chunk these are
};

class FileStreamStore final : public IndexedStreamStore, public LogClient, public ChunkOwner {
 public:
  FileStreamStore(std::shared_ptr<StoreCore> core, StreamInfo info, Seq first_seq);
  ~FileStreamStore() override;

  // --- StreamStore -----------------------------------------------------------------------------
  StorageResult<Appended> append(const NewMessage& message) override;
  StorageResult<Appended> append_all(std::span<const NewMessage> messages) override;
  StorageResult<Ticket> skip(Seq through) override;
  StorageResult<Removed> remove(Seq seq, Erase erase) override;
  Ticket barrier() override;
  [[nodiscard]] Ticket synced() const override { return synced_; }
  [[nodiscard]] Seq last_synced() const override;
  StorageResult<StoredMessage> load(Seq seq) override;
  [[nodiscard]] StreamState state() const override;
  StorageResult<ConsumerStore*> consumer(std::string_view name, std::string_view config,
                                         bool in_memory) override;
  [[nodiscard]] ConsumerStore* find_consumer(std::string_view name) override;
  [[nodiscard]] std::vector<ConsumerStore*> consumers() override;
  StorageResult<Ticket> remove_consumer(std::string_view name) override;
  [[nodiscard]] std::string_view config() const override { return info_.config; }
  StorageResult<Ticket> set_config(std::string_view config) override;

  // --- FileConsumerStore -----------------------------------------------------------------------
  // Logs a record of a consumer; `body` behind the header.
  Ticket log_consumer(RecordType type, std::string_view body, Urgency urgency);
  // The consumer has changes to log at the end of the turn.
  void consumer_changed(FileConsumerStore& consumer);
  // Not behind the segment where what is being said now will stand.
  [[nodiscard]] uint64_t word_segment() const;

  // --- the store's side ------------------------------------------------------------------------
  void attach(std::shared_ptr<FileStreamStore> self, Executor* executor, StreamListener* listener);
  void detach();
  [[nodiscard]] bool attached() const;
  // Runs `work` on the stream's thread, or at once if it has none.
  void run(const std::shared_ptr<FileStreamStore>& self, std::function<void()> work);
  // The same in two steps, so that the work of many streams travels together: who is to run it, and
  // on that executor the running itself (which finds another way if the stream has moved).
  struct Turn {
    Executor* executor = nullptr;
    uint64_t epoch = 0;
  };
  [[nodiscard]] Turn turn() const;
  void run_in(Turn turn, const std::shared_ptr<FileStreamStore>& self, std::function<void()> work);
  [[nodiscard]] const StreamInfo& info() const { return info_; }
  void set_info(StreamInfo info) { info_ = std::move(info); }
  // Length of a message's record.
  [[nodiscard]] static uint32_t record_bytes(const IndexEntry& entry);
  // Null once the stream has been removed.
  [[nodiscard]] std::shared_ptr<FileStreamStore> self() const;
  void batch_done(Ticket first, Ticket last, const StorageError* error);
  // Everything that is not in the log yet goes there, unless the disk refuses: then it is kept, in
  // bounded form, until the disk does not.
  void flush_changes();
  // The record that says the stream exists.
  void log_description();
  // Appends the records that say everything about stream and consumers but the messages; returns
  // how many.
  uint32_t describe(std::string& out);
  // The stream is removed: nothing in it is alive any more.
  void drop();
  // The store closes, in two steps: listeners hear no more; the stream says no more.
  void silence();
  void leave();
  // The files of its segments.
  [[nodiscard]] std::vector<std::string> files() const;

  // --- recovery (file_stream_replay.cc) --------------------------------------------------------
  // `segment`: where the record is. False: it makes no sense.
  bool replay(const std::shared_ptr<Segment>& segment, uint64_t offset, const Record& record);
  // A record of the catalog, used where the log is damaged: fills in what is not known.
  void replay_catalog(const Record& record, bool described);
  // After replay_catalog: says in the log what came from there.
  void log_restored();
  void adopt(const std::shared_ptr<Segment>& segment, const IndexedChunk& chunk);
  // The part of the segment's data from `data_bytes` on is gone.
  void lose_beyond(const std::shared_ptr<Segment>& segment, uint64_t data_bytes);
  void lose(const IndexedChunk& chunk);
  void end_replay();

  // --- archiving (file_stream_archive.cc), on the stream's thread ------------------------------
  // False: part of the stream's index cannot be read.
  bool copy_chunks(const Segment& segment, std::vector<ChunkCopy>& out);
  // Repeats whatever about the stream, other than messages, was last said in segment `number`.
  // False: part of the stream's index cannot be read.
  bool repeat_words(uint64_t number);
  // The chunks stand in `index` as `copies` say and, unless null, their records in `rewritten`.
  // `erasures` is what the segment had counted when the copies were made.
  void install(const std::shared_ptr<Segment>& segment, const std::vector<ChunkCopy>& copies,
               const std::shared_ptr<SegmentData>& index,
               const std::shared_ptr<SegmentData>& rewritten, uint64_t erasures);
  void forget_segment(uint64_t number);

 private:
  // This stream's part in one segment.
  struct Share {
    std::shared_ptr<Segment> segment;
    // The earliest segment that has something to say about removals in this one which its index
    // does not know; 0: none.
    uint64_t word = 0;
    std::vector<SeqRange> gone;  // chunks of which nothing is left, and what was truncated
  };
  struct InFlight {
    Ticket ticket = 0;
    Seq seq = 0;
    Seq previous_last = 0;
  };
  struct Unsynced {
    Ticket ticket = 0;
    std::string record;
    bool purge = false;  // of everything there was
  };
  struct Erasing {
    Ticket ticket = 0;
    Seq seq = 0;
    LogWriter::Erasure erasure;
  };

  // ChunkOwner
  bool load_entries(Chunk& chunk) override;
  void removing(Chunk& chunk, uint32_t at) override;
  void dropping(Chunk& chunk) override;
  void cutting(Chunk& chunk, Seq first, Seq last) override;
  // IndexedStreamStore
  StorageResult<void> writable() override;
  void log_remove(StreamIndex::Place place) override;
  void log_bulk(Bulk what, Seq seq) override;
  Ticket finish_write() override { return barrier(); }

  // Whether a record whose batch fails is said again as it is.
  enum class Again : uint8_t { kYes, kNo };
  LogPlace log_record(RecordType type, std::string_view body, Urgency urgency,
                      Again again = Again::kYes);
  [[nodiscard]] std::string record_of(RecordType type, std::string_view body) const;
  void renew(Unsynced& one) const;
  void log_position();
  void log_erase(Seq seq, const LogWriter::Erasure& erasure);
  void schedule_flush();
  void flush_removals();
  void note_write(const std::shared_ptr<Segment>& segment);
  Share& share_of(const std::shared_ptr<Segment>& segment);
  static IndexEntry entry_of(const MessageFields& message);
  void index_message(const std::shared_ptr<Segment>& segment, uint32_t offset,
                     const MessageFields& message);
  void undo(Ticket first);
  [[nodiscard]] bool holding() const { return !removals_.empty() || !changed_.empty(); }
  std::string stream_body() const;
  std::string position_body() const;
  bool replay_ranges(const Record& record, std::string_view body, uint64_t only_segment);
  bool replay_consumer(const Record& record);
  bool replay_description(std::string_view body);
  void remove_live(SeqRange range, uint64_t only_segment);
  StorageError damaged(const Chunk& chunk, uint32_t offset, const char* what);
  void keep_entries_within_budget(const Chunk& spare);
  bool say_gone(uint64_t through);
  bool collect_gone(std::map<uint64_t, std::vector<SeqRange>>& gone);
  bool read_stored(Chunk& chunk, std::vector<IndexEntry>& entries);
  bool rebuild_entries(Chunk& chunk);
  bool place_entries(Chunk& chunk, std::vector<IndexEntry> found);
  bool sequences_of(const Chunk& chunk, std::vector<Seq>& sequences);
  std::shared_ptr<SegmentData> data_of(const Chunk& chunk) const {
    return chunk.data != nullptr ? chunk.data : chunk.home->data();
  }
  void forget_entries(Chunk& chunk);
  void erase_copies(const std::shared_ptr<Segment>& segment, const ChunkCopy& copy,
                    const Chunk* chunk, const std::shared_ptr<SegmentData>& data);
  [[nodiscard]] ReadWindows::Bytes read_buffered(const Segment& home, uint32_t offset,
                                                 uint32_t length);
  StorageResult<ReadWindows::Bytes> read_bytes(const Chunk& chunk, uint32_t offset,
                                               uint32_t length);
  void repeat_effect(std::string_view record);

  std::shared_ptr<StoreCore> keep_;  // tasks of an executor may outlive the store
  StoreCore& core_;
  StreamInfo info_;
  ReadWindows windows_;

  mutable std::mutex turn_;  // who may touch the stream when nobody is attached
  Executor* executor_ = nullptr;
  StreamListener* listener_ = nullptr;
  std::shared_ptr<LogClient> self_;  // while in the store, a cycle that drop() ends
  uint64_t epoch_ = 0;

  std::shared_ptr<Segment> open_segment_;
  std::map<uint64_t, Share> shares_;
  uint64_t description_word_ = 0;  // segment of the last kStream and the kPosition with it
  Seq said_first_ = 0;             // the first sequence as the log has it
  std::string scratch_;

  Ticket ticket_ = 0;
  Ticket synced_ = 0;
  std::deque<InFlight> in_flight_;
  std::deque<Unsynced> unsynced_;
  std::deque<Erasing> erasing_;
  std::vector<SeqRange> removals_;  // not logged yet
  bool flush_scheduled_ = false;
  uint64_t lost_messages_ = 0;
  uint64_t lost_bytes_ = 0;
  uint64_t replaying_ = 0;  // number of the segment, 0: not

  std::map<std::string, std::unique_ptr<FileConsumerStore>, std::less<>> consumers_;
  std::map<std::string, std::unique_ptr<MemoryConsumerStore>, std::less<>> memory_consumers_;
  std::map<uint32_t, FileConsumerStore*> consumers_by_id_;
  uint32_t next_consumer_ = 1;
  std::vector<FileConsumerStore*> changed_;  // have something to log
  std::set<uint32_t> removed_consumers_;     // while replaying
  bool restored_ = false;                    // from the catalog
  std::vector<Chunk*> droppable_;            // chunks with entries that an index file has too
};

}  // namespace natrix::storage
