#include "broker/jetstream/stream/schedule_index.h"

namespace natrix::jetstream::stream {

void ScheduleIndex::set(std::string_view subject, storage::Seq seq, int64_t due) {
  forget_subject(subject);
  auto [at, fresh] = by_subject_.emplace(std::string(subject), Entry{seq, due});
  by_seq_[seq] = &at->first;
  if (due != kHeld) by_due_.insert({due, seq});
}

void ScheduleIndex::postpone(std::string_view subject, int64_t due) {
  auto found = by_subject_.find(subject);
  if (found == by_subject_.end()) return;
  Entry& entry = found->second;
  by_due_.erase({entry.due, entry.seq});
  entry.due = due;
  if (due != kHeld) by_due_.insert({due, entry.seq});
}

void ScheduleIndex::forget_subject(std::string_view subject) {
  auto found = by_subject_.find(subject);
  if (found == by_subject_.end()) return;
  by_due_.erase({found->second.due, found->second.seq});
  by_seq_.erase(found->second.seq);
  by_subject_.erase(found);
}

void ScheduleIndex::forget(storage::Seq seq) {
  auto found = by_seq_.find(seq);
  if (found != by_seq_.end()) forget_subject(std::string(*found->second));
}

void ScheduleIndex::clear() {
  by_due_.clear();
  by_seq_.clear();
  by_subject_.clear();
}

std::optional<ScheduleIndex::Due> ScheduleIndex::first() const {
  if (by_due_.empty()) return std::nullopt;
  auto [time, seq] = *by_due_.begin();
  return Due{time, seq, *by_seq_.at(seq)};
}

storage::Seq ScheduleIndex::seq_of(std::string_view subject) const {
  auto found = by_subject_.find(subject);
  return found == by_subject_.end() ? 0 : found->second.seq;
}

}  // namespace natrix::jetstream::stream
