// IdleQueue: things with a name in the order in which they were last touched, so that one timer
// finds those that have been idle too long. Pure; times are nanoseconds.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>

namespace natrix::jetstream::stream {

class IdleQueue {
 public:
  struct Entry {
    int64_t touched;
    std::string name;
  };
  using Place = std::list<Entry>::iterator;

  Place add(std::string name, int64_t now) {
    return entries_.insert(entries_.end(), {now, std::move(name)});
  }
  void touch(Place place, int64_t now) {
    place->touched = now;
    entries_.splice(entries_.end(), entries_, place);
  }
  void remove(Place place) { entries_.erase(place); }
  // The one that was touched longest ago.
  [[nodiscard]] const Entry* oldest() const {
    return entries_.empty() ? nullptr : &entries_.front();
  }

 private:
  std::list<Entry> entries_;
};

}  // namespace natrix::jetstream::stream
