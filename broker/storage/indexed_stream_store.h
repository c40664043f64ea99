// IndexedStreamStore: what memory and file streams have in common: every question that the index
// alone answers, and the walk of purge, compact and truncate over single removals.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/storage/stream_index.h"
#include "broker/storage/stream_store.h"

namespace natrix::storage {

class IndexedStreamStore : public StreamStore {
 public:
  explicit IndexedStreamStore(Seq first_seq) : index_(first_seq) {}

  StorageResult<Removed> purge(const PurgeRequest& request) final;
  StorageResult<Removed> compact(Seq first) final;
  StorageResult<Removed> truncate(Seq last) final;

  StorageResult<StoredMessage> load_last(const Filter& filter, Seq at_most) final;
  StorageResult<StoredMessage> load_next(const Filter& filter, Seq from) final;
  Seq next_seq(const Filter& filter, Seq from) final { return index_.next(filter, from); }
  Seq last_seq(const Filter& filter, Seq at_most) final { return index_.last(filter, at_most); }

  [[nodiscard]] StreamState state() const override;
  [[nodiscard]] bool contains(Seq seq) final { return static_cast<bool>(index_.find(seq)); }
  Nanos time_of(Seq seq) final;
  Seq seq_at_time(Nanos time) final { return index_.at_time(time); }
  std::vector<SeqRange> deleted(size_t limit) final { return index_.deleted(limit); }
  SubjectState subject(std::string_view subject) final { return index_.subject(subject); }
  void subjects(const Filter& filter, const SubjectVisitor& visit) final;
  StorageResult<std::vector<Seq>> multi_last(const Filter& filter, Seq up_to, size_t limit) final;
  Pending pending(const Filter& filter, Seq from, bool last_per_subject) final {
    return index_.pending(filter, from, last_per_subject);
  }
  std::optional<Expiry> next_expiry() final { return index_.next_expiry(); }

 protected:
  enum class Bulk : uint8_t { kPurgeAll, kCompact, kTruncate };
  // Whether writes are accepted now.
  virtual StorageResult<void> writable() = 0;
  // Records the removal of one message that the index still has.
  virtual void log_remove(StreamIndex::Place place) = 0;
  // Records that everything (kPurgeAll), below `seq` (kCompact) or above `seq` (kTruncate) goes,
  // before the index is changed.
  virtual void log_bulk(Bulk what, Seq seq) = 0;
  // The ticket of what has been logged so far.
  virtual Ticket finish_write() = 0;

  [[nodiscard]] StorageError read_failure() const;

  StreamIndex index_;

 private:
  StorageResult<Removed> purge_filtered(const PurgeRequest& request);
  StorageResult<Removed> purge_everything();
  Seq below_all_but(uint64_t keep, Seq below);
};

}  // namespace natrix::storage
