// A stream as simple as it can be said: a map. What the stores must agree with.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/storage/stream_store.h"

namespace natrix::storage::tests {

struct ModelMessage {
  std::string subject, headers, payload;
  Nanos time = 0;
  Nanos expires = 0;
};

class Model {
 public:
  explicit Model(bool file, Seq first = 1) : file_(file), last_(first - 1), first_(first) {}

  Seq append(const ModelMessage& message, Seq seq) {
    messages_[seq] = message;
    last_ = seq;
    last_time_ = message.time;
    return seq;
  }
  void skip(Seq through) { last_ = std::max(last_, through); }
  bool remove(Seq seq) {
    bool there = messages_.erase(seq) == 1;
    if (there && messages_.empty()) first_ = last_ + 1;
    return there;
  }
  size_t purge(const PurgeRequest& request) {
    std::vector<Seq> matching;
    for (auto& [seq, message] : messages_) {
      if ((request.below == 0 || seq < request.below) && request.filter.matches(message.subject)) {
        matching.push_back(seq);
      }
    }
    size_t count = matching.size() > request.keep ? matching.size() - request.keep : 0;
    for (size_t i = 0; i < count; ++i) messages_.erase(matching[i]);
    return count;
  }
  void compact(Seq first) {
    messages_.erase(messages_.begin(), messages_.lower_bound(first));
    if (messages_.empty() && first > 0) last_ = std::max(last_, first - 1);
  }
  void truncate(Seq last) {
    messages_.erase(messages_.upper_bound(last), messages_.end());
    last_ = std::min(last_, last);
  }

  StreamState state() const {
    StreamState state;
    std::set<std::string> subjects;
    for (auto& [seq, m] : messages_) {
      ++state.messages;
      state.bytes +=
          file_ ? file_message_bytes(m.subject.size(), m.headers.size(), m.payload.size())
                : memory_message_bytes(m.subject.size(), m.headers.size(), m.payload.size());
      subjects.insert(m.subject);
    }
    state.first_seq = messages_.empty() ? last_ + 1 : messages_.begin()->first;
    state.last_seq = last_;
    state.last_time = last_time_;
    state.first_time = messages_.empty() ? 0 : messages_.begin()->second.time;
    state.subjects = subjects.size();
    if (!messages_.empty()) state.deleted = last_ - state.first_seq + 1 - messages_.size();
    return state;
  }
  Seq next(const Filter& filter, Seq from) const {
    for (auto at = messages_.lower_bound(from); at != messages_.end(); ++at) {
      if (filter.matches(at->second.subject)) return at->first;
    }
    return 0;
  }
  Seq last(const Filter& filter, Seq at_most) const {
    Seq found = 0;
    for (auto& [seq, m] : messages_) {
      if (seq <= at_most && filter.matches(m.subject)) found = seq;
    }
    return found;
  }
  std::map<std::string, SubjectState> subjects(const Filter& filter) const {
    std::map<std::string, SubjectState> all;
    for (auto& [seq, m] : messages_) {
      if (!filter.matches(m.subject)) continue;
      SubjectState& state = all[m.subject];
      if (state.messages++ == 0) state.first_seq = seq;
      state.last_seq = seq;
    }
    return all;
  }
  uint64_t pending(const Filter& filter, Seq from, bool last_per_subject) const {
    uint64_t count = 0;
    if (last_per_subject) {
      for (auto& [name, state] : subjects(filter)) count += state.last_seq >= from;
      return count;
    }
    for (auto at = messages_.lower_bound(from); at != messages_.end(); ++at) {
      count += filter.matches(at->second.subject);
    }
    return count;
  }
  std::vector<Seq> multi_last(const Filter& filter, Seq up_to) const {
    std::map<std::string, Seq> last;
    for (auto& [seq, m] : messages_) {
      if (seq <= up_to && filter.matches(m.subject)) last[m.subject] = seq;
    }
    std::set<Seq> sorted;
    for (auto& [name, seq] : last) sorted.insert(seq);
    return {sorted.begin(), sorted.end()};
  }
  std::vector<SeqRange> deleted() const {
    std::vector<SeqRange> gaps;
    if (messages_.empty()) return gaps;
    Seq expected = messages_.begin()->first;
    for (auto& [seq, m] : messages_) {
      if (seq > expected) gaps.push_back({expected, seq - 1});
      expected = seq + 1;
    }
    if (expected <= last_) gaps.push_back({expected, last_});
    return gaps;
  }
  Seq at_time(Nanos time) const {
    for (auto& [seq, m] : messages_) {
      if (m.time >= time) return seq;
    }
    return last_ + 1;
  }
  std::optional<Expiry> next_expiry() const {
    std::optional<Expiry> first;
    for (auto& [seq, m] : messages_) {
      if (m.expires != 0 && (!first || m.expires < first->time)) first = Expiry{m.expires, seq};
    }
    return first;
  }

  std::map<Seq, ModelMessage>& messages() { return messages_; }
  Seq last_seq() const { return last_; }

 private:
  bool file_;
  std::map<Seq, ModelMessage> messages_;
  Seq last_;
  Seq first_;
  Nanos last_time_ = 0;
};

}  // namespace natrix::storage::tests
