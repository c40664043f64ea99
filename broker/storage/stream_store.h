// StreamStore: the messages of one stream, in memory or on disk behind one interface.
//
// Owner and thread: the stream that uses it, on its shard only. Listener calls come on that shard,
// through the executor the stream was attached with.
//
// Visibility: a write is seen by reads at once, when it is merely buffered. Whoever hands messages
// to others before they are synced must be ready to see their sequences given out anew after a
// crash; last_synced() says how far it is safe.
//
// Durability: every write returns a ticket; it is synced when synced() >= ticket, which the
// listener hears once per batch. In memory that is at once. Writes of all streams of a store that
// wait at the same time share one write and one sync. A write that failed is undone if it was an
// append (its sequences are free again) and kept in memory if it was a removal; failed appends are
// told by StreamListener::on_failed. Therefore: remove what an append displaces (limits, rollup,
// rebuilt counters) when the append has been synced, not before, or a full disk costs data.
//
// Errors: what cannot be written is refused with kFull or kIo while reads go on; writes succeed
// again, without a restart, when the disk does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/storage/consumer_store.h"
#include "broker/storage/filter.h"
#include "broker/storage/message.h"
#include "broker/storage/types.h"

namespace natrix::storage {

class StreamListener {
 public:
  virtual ~StreamListener() = default;
  // All writes up to and including `through` are synced. Once per batch, ascending.
  virtual void on_synced(Ticket through) = 0;
  // Writes from `from` on, to the last one issued before this call, were not synced and never will
  // be. Appends among them have been undone: state().last_seq is what it was before the first.
  virtual void on_failed(Ticket from, const StorageError& error) = 0;
};

struct StreamState {
  uint64_t messages = 0;
  uint64_t bytes = 0;    // by file_message_bytes or memory_message_bytes
  Seq first_seq = 0;     // when empty: last_seq + 1 (of a new stream: where it shall begin)
  Seq last_seq = 0;      // the highest ever given out, also when it has been removed
  Nanos first_time = 0;  // 0 when empty
  Nanos last_time = 0;   // of the last message ever stored; 0: none yet
  uint64_t subjects = 0;
  uint64_t deleted = 0;        // sequences between first and last that are not there
  uint64_t lost_messages = 0;  // of these: lost to damage, not removed by anybody
  uint64_t lost_bytes = 0;
};

struct SeqRange {
  Seq first = 0;
  Seq last = 0;  // inclusive
  bool operator==(const SeqRange&) const = default;
};

struct SubjectState {
  uint64_t messages = 0;
  Seq first_seq = 0;
  Seq last_seq = 0;
  bool operator==(const SubjectState&) const = default;
};

struct Appended {
  Seq seq = 0;
  Ticket ticket = 0;
};

// What a removal took away.
struct Removed {
  uint64_t messages = 0;
  uint64_t bytes = 0;
  Ticket ticket = 0;
};

enum class Erase : uint8_t {
  kForget,     // space is reclaimed some time later
  kOverwrite,  // the bytes on disk are overwritten with noise before the ticket is synced
};

struct PurgeRequest {
  Filter filter;
  Seq below = 0;      // only sequences below; 0: all
  uint64_t keep = 0;  // spare the newest `keep` of the messages that match
};

struct Pending {
  uint64_t messages = 0;
  Seq through = 0;  // counted up to this sequence: the last of the stream
};

struct Expiry {
  Nanos time = 0;
  Seq seq = 0;
};

class StreamStore {
 public:
  virtual ~StreamStore() = default;

  // --- writes -------------------------------------------------------------------------------

  // Appends. kFull, kIo: refused. kBusy: too much is buffered. kInvalid: message.seq is not above
  // last_seq.
  virtual StorageResult<Appended> append(const NewMessage& message) = 0;
  // Appends all as one: they get one ticket, and after a crash either all of
  // them are there or none. The sequence returned is that of the first. Errors: as append, and
  // kInvalid if they are none, or all together are larger than a record may be (kRecordBytesMax);
  // then nothing is appended.
  virtual StorageResult<Appended> append_all(std::span<const NewMessage> messages) = 0;
  // Raises last_seq to `through` without messages (mirrors, replication). Nothing if not above.
  virtual StorageResult<Ticket> skip(Seq through) = 0;
  // Removes one message; kNotFound if it is not there.
  virtual StorageResult<Removed> remove(Seq seq, Erase erase = Erase::kForget) = 0;
  virtual StorageResult<Removed> purge(const PurgeRequest& request) = 0;
  // Removes everything below `first` and raises first_seq to it, and last_seq to first - 1 if that
  // is more.
  virtual StorageResult<Removed> compact(Seq first) = 0;
  // Removes everything above `last`, so that the next append takes last + 1 (replication: entries
  // a new leader overrules). Sequences are given out anew afterwards.
  virtual StorageResult<Removed> truncate(Seq last) = 0;
  // A ticket that is synced when everything written before is.
  virtual Ticket barrier() = 0;

  [[nodiscard]] virtual Ticket synced() const = 0;
  // The highest sequence up to which all appends are synced.
  [[nodiscard]] virtual Seq last_synced() const = 0;

  // --- reads --------------------------------------------------------------------------------
  // kNotFound: there is none. kDamaged, kIo: it should be there and cannot be read; the message
  // names file and offset.

  virtual StorageResult<StoredMessage> load(Seq seq) = 0;
  // The newest message that matches, at or below `at_most`.
  virtual StorageResult<StoredMessage> load_last(const Filter& filter, Seq at_most = ~Seq{0}) = 0;
  // The oldest message that matches, at or above `from`; what is damaged is reported and passed
  // over. If there is none, look on from state().last_seq + 1 next time.
  virtual StorageResult<StoredMessage> load_next(const Filter& filter, Seq from) = 0;
  // As load_next and load_last, but only which; 0: none. Reads no message.
  virtual Seq next_seq(const Filter& filter, Seq from) = 0;
  virtual Seq last_seq(const Filter& filter, Seq at_most = ~Seq{0}) = 0;

  [[nodiscard]] virtual StreamState state() const = 0;
  [[nodiscard]] virtual bool contains(Seq seq) = 0;
  // Time of a message without reading it; 0: not there.
  virtual Nanos time_of(Seq seq) = 0;
  // The first message stored at or after `time`; last_seq + 1 if there is none.
  virtual Seq seq_at_time(Nanos time) = 0;
  // What is missing between first and last, ascending, at most `limit` ranges.
  virtual std::vector<SeqRange> deleted(size_t limit = SIZE_MAX) = 0;

  // One subject; zeros if no message has it.
  virtual SubjectState subject(std::string_view subject) = 0;
  // Every subject that matches, in byte order, until `visit` returns false. The view is valid
  // during the call; `visit` must not write to the store.
  using SubjectVisitor = std::function<bool(std::string_view subject, const SubjectState& state)>;
  virtual void subjects(const Filter& filter, const SubjectVisitor& visit) = 0;
  // The last sequence of every subject that matches, at or below `up_to`, ascending; kFull if they
  // are more than `limit`.
  virtual StorageResult<std::vector<Seq>> multi_last(const Filter& filter, Seq up_to,
                                                     size_t limit) = 0;
  // Messages that match at or above `from`; with `last_per_subject` only those that are the last
  // of their subject.
  virtual Pending pending(const Filter& filter, Seq from, bool last_per_subject = false) = 0;

  // The message with an own expiry that is due first.
  virtual std::optional<Expiry> next_expiry() = 0;

  // A hash over sequence, time, subject, headers and payload of every message in [from, through],
  // the same for equal content however it came to be. Reads the messages. kDamaged, kIo as load.
  StorageResult<uint64_t> digest(Seq from, Seq through);

  // --- consumers ----------------------------------------------------------------------------

  // The store of a consumer, made if it does not exist. `config` is kept as it is, durably, and
  // replaced if it differs. Valid until the StreamStore goes or the consumer is removed. A consumer
  // in memory leaves no trace on the disk.
  virtual StorageResult<ConsumerStore*> consumer(std::string_view name, std::string_view config,
                                                 bool in_memory) = 0;
  [[nodiscard]] virtual ConsumerStore* find_consumer(std::string_view name) = 0;
  // All, in order of their names.
  [[nodiscard]] virtual std::vector<ConsumerStore*> consumers() = 0;
  // The ticket is synced when the consumer is gone for good; 0 for a consumer in memory.
  virtual StorageResult<Ticket> remove_consumer(std::string_view name) = 0;

  // --- the stream itself --------------------------------------------------------------------

  [[nodiscard]] virtual std::string_view config() const = 0;
  virtual StorageResult<Ticket> set_config(std::string_view config) = 0;
};

}  // namespace natrix::storage
