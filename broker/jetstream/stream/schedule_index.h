// ScheduleIndex: which schedules a stream holds and when each fires next: one per subject, the last
// one stored there. Pure; times are nanoseconds since 1970.
//
// In memory only, a few dozen bytes and the subject for each; made anew from the messages after a
// restart.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "broker/storage/types.h"

namespace natrix::jetstream::stream {

class ScheduleIndex {
 public:
  // The message `seq` is a schedule; takes the place of the subject's earlier one.
  void set(std::string_view subject, storage::Seq seq, int64_t due);
  // The subject's schedule fires then. Nothing if there is none.
  void postpone(std::string_view subject, int64_t due);
  // It has fired and does not count until postpone().
  void hold(std::string_view subject) { postpone(subject, kHeld); }
  void forget_subject(std::string_view subject);
  void forget(storage::Seq seq);
  // Messages in [first, last] may have gone: forgets those that `is_there` says no to.
  template <class F>
  void forget_range(storage::Seq first, storage::Seq last, F&& is_there) {
    auto at = by_seq_.lower_bound(first);
    while (at != by_seq_.end() && at->first <= last) {
      storage::Seq seq = (at++)->first;
      if (!is_there(seq)) forget(seq);
    }
  }
  void clear();

  struct Due {
    int64_t time = 0;
    storage::Seq seq = 0;
    std::string_view subject;  // valid until the next change
  };
  // The one that fires first.
  [[nodiscard]] std::optional<Due> first() const;
  // 0: the subject has none.
  [[nodiscard]] storage::Seq seq_of(std::string_view subject) const;
  [[nodiscard]] bool empty() const { return by_subject_.empty(); }
  [[nodiscard]] size_t size() const { return by_subject_.size(); }

 private:
  static constexpr int64_t kHeld = INT64_MAX;
  struct Entry {
    storage::Seq seq;
    int64_t due;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> by_subject_;
  std::map<storage::Seq, const std::string*> by_seq_;  // the keys of by_subject_
  std::set<std::pair<int64_t, storage::Seq>> by_due_;  // without those that are held
};

}  // namespace natrix::jetstream::stream
