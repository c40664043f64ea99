// Deduplicator: the message ids (Nats-Msg-Id) of a stream within its duplicate window. Pure; times
// are nanoseconds.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace natrix::jetstream::stream {

class Deduplicator {
 public:
  // 0: nothing is remembered.
  void set_window(int64_t nanos) { window_ = nanos; }
  // The sequence a message with this id was stored under.
  std::optional<uint64_t> find(std::string_view id, int64_t now);
  void add(std::string_view id, uint64_t seq, int64_t now);
  // Sequences from `seq` on were undone.
  void forget_from(uint64_t seq);
  void clear();
  // The id added last, empty if none.
  [[nodiscard]] const std::string& last_id() const { return last_id_; }
  [[nodiscard]] size_t size() const { return by_id_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Entry {
    int64_t time;
    uint64_t seq;
    const std::string* id;  // the key in by_id_
  };
  void expire(int64_t now);

  int64_t window_ = 0;
  std::unordered_map<std::string, uint64_t, Hash, std::equal_to<>> by_id_;
  std::deque<Entry> order_;
  std::string last_id_;
};

}  // namespace natrix::jetstream::stream
