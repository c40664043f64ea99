#include "broker/storage/indexed_stream_store.h"

#include <algorithm>

namespace natrix::storage {

StorageError IndexedStreamStore::read_failure() const {
  return {StorageErrorKind::kIo, "part of the stream's index could not be read"};
}

StorageResult<StoredMessage> IndexedStreamStore::load_last(const Filter& filter, Seq at_most) {
  Seq seq = index_.last(filter, at_most);
  if (index_.take_failure()) return fail_with(read_failure());
  if (seq == 0) return storage_failure(StorageErrorKind::kNotFound);
  return load(seq);
}

StorageResult<StoredMessage> IndexedStreamStore::load_next(const Filter& filter, Seq from) {
  for (;;) {
    Seq seq = index_.next(filter, from);
    if (index_.take_failure()) return fail_with(read_failure());
    if (seq == 0) return storage_failure(StorageErrorKind::kNotFound);
    StorageResult<StoredMessage> message = load(seq);
    if (message || message.error().kind != StorageErrorKind::kDamaged) return message;
    from = seq + 1;
  }
}

StreamState IndexedStreamStore::state() const {
  StreamState state = index_.state();
  // The entry of the first message may have to be brought back, which does not change the answer.
  StreamIndex::Place first = const_cast<StreamIndex&>(index_).find(state.first_seq);
  if (first) state.first_time = first.entry().time;
  return state;
}

Nanos IndexedStreamStore::time_of(Seq seq) {
  StreamIndex::Place place = index_.find(seq);
  return place ? place.entry().time : 0;
}

void IndexedStreamStore::subjects(const Filter& filter, const SubjectVisitor& visit) {
  index_.subjects().each(filter, [&](SubjectId id) {
    return visit(index_.subjects()[id].text(), index_.subject_state(id));
  });
}

StorageResult<std::vector<Seq>> IndexedStreamStore::multi_last(const Filter& filter, Seq up_to,
                                                               size_t limit) {
  std::vector<Seq> found;
  bool too_many = false;
  index_.subjects().each(filter, [&](SubjectId id) {
    Seq seq = index_.last(Filter(index_.subjects()[id].text()), up_to);
    if (seq == 0) return true;
    too_many = found.size() == limit;
    if (!too_many) found.push_back(seq);
    return !too_many;
  });
  if (too_many) return storage_failure(StorageErrorKind::kFull, "more subjects than asked for");
  std::sort(found.begin(), found.end());
  return found;
}

StorageResult<Removed> IndexedStreamStore::purge(const PurgeRequest& request) {
  if (auto ready = writable(); !ready) return fail_with(ready.error());
  if (!request.filter.everything()) return purge_filtered(request);
  Seq below = request.below == 0 ? index_.last_seq() + 1 : request.below;
  if (request.keep > 0) below = below_all_but(request.keep, below);
  return below > index_.last_seq() ? purge_everything() : compact(below);
}

// The sequence with exactly `keep` live messages in [it, below), or the first.
Seq IndexedStreamStore::below_all_but(uint64_t keep, Seq below) {
  Seq at = below;
  while (keep > 0 && at > 0) {
    StreamIndex::Place place = index_.last_live(at - 1);
    if (!place) return 0;
    at = place.seq();
    --keep;
  }
  return at;
}

StorageResult<Removed> IndexedStreamStore::purge_everything() {
  Removed removed{index_.messages(), index_.bytes(), 0};
  log_bulk(Bulk::kPurgeAll, 0);
  index_.clear();
  removed.ticket = finish_write();
  return removed;
}

StorageResult<Removed> IndexedStreamStore::purge_filtered(const PurgeRequest& request) {
  Seq below = request.below == 0 ? index_.last_seq() + 1 : request.below;
  uint64_t matching = index_.matching(request.filter, below);
  uint64_t wanted = matching > request.keep ? matching - request.keep : 0;
  Removed removed;
  for (Seq seq = 0; removed.messages < wanted; ++seq) {
    seq = index_.next(request.filter, seq);
    if (seq == 0 || seq >= below) break;
    StreamIndex::Place place = index_.find(seq);
    if (!place) break;
    ++removed.messages;
    removed.bytes += place.entry().bytes;
    log_remove(place);
    index_.remove(place);
  }
  removed.ticket = finish_write();
  if (index_.take_failure()) return fail_with(read_failure());
  return removed;
}

StorageResult<Removed> IndexedStreamStore::compact(Seq first) {
  if (auto ready = writable(); !ready) return fail_with(ready.error());
  Removed removed{index_.messages(), index_.bytes(), 0};
  log_bulk(Bulk::kCompact, first);
  index_.remove_below(first);
  removed.messages -= index_.messages();
  removed.bytes -= index_.bytes();
  removed.ticket = finish_write();
  if (index_.take_failure()) return fail_with(read_failure());
  return removed;
}

StorageResult<Removed> IndexedStreamStore::truncate(Seq last) {
  if (auto ready = writable(); !ready) return fail_with(ready.error());
  Removed removed{index_.messages(), index_.bytes(), 0};
  if (last < index_.last_seq()) {
    log_bulk(Bulk::kTruncate, last);
    index_.truncate(last);
  }
  removed.messages -= index_.messages();
  removed.bytes -= index_.bytes();
  removed.ticket = finish_write();
  if (index_.take_failure()) return fail_with(read_failure());
  return removed;
}

}  // namespace natrix::storage
