// Observer: what a stream knows of its consumers, and the index that finds those that a message
// concerns without asking every one. Used on the stream's shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/storage/filter.h"
#include "broker/storage/types.h"

namespace natrix::jetstream::stream {

class Observer {
 public:
  virtual ~Observer() = default;
  // There are new messages that match the filter: ask for them at the end of the turn.
  virtual void on_stored() = 0;
  // Messages in [first, last] are gone (not necessarily all of them).
  virtual void on_removed(storage::Seq first, storage::Seq last) = 0;
  // Whether this consumer still has to see or acknowledge the message. Only for subjects that
  // match the filter.
  [[nodiscard]] virtual bool needs(storage::Seq seq) const = 0;
  [[nodiscard]] virtual const storage::Filter& filter() const = 0;
};

class ObserverIndex {
 public:
  // With the filter it has now.
  void add(Observer& observer);
  // With the filter it had when it was added.
  void remove(Observer& observer);

  template <class F>
  void for_each_match(std::string_view subject, F&& f) const {
    if (!literals_.empty()) {
      if (auto found = literals_.find(subject); found != literals_.end()) {
        for (Observer* observer : found->second) f(*observer);
      }
    }
    for (const Entry& entry : patterns_) {
      if (entry.filter.matches(subject)) f(*entry.observer);
    }
  }
  template <class F>
  void for_each(F&& f) const {
    for (const auto& [observer, filter] : all_) f(*observer);
  }
  [[nodiscard]] bool empty() const { return all_.empty(); }
  [[nodiscard]] size_t size() const { return all_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Entry {
    storage::Filter filter;
    Observer* observer;
  };
  std::unordered_map<std::string, std::vector<Observer*>, Hash, std::equal_to<>> literals_;
  std::vector<Entry> patterns_;
  std::map<Observer*, storage::Filter> all_;
};

}  // namespace natrix::jetstream::stream
