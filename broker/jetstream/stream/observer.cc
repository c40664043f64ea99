#include "broker/jetstream/stream/observer.h"

#include <algorithm>

namespace natrix::jetstream::stream {

void ObserverIndex::add(Observer& observer) {
  const storage::Filter& filter = observer.filter();
  all_.emplace(&observer, filter);
  if (filter.is_literal()) {
    literals_[filter.patterns().front()].push_back(&observer);
  } else {
    patterns_.push_back({filter, &observer});
  }
}

void ObserverIndex::remove(Observer& observer) {
  auto known = all_.find(&observer);
  if (known == all_.end()) return;
  if (known->second.is_literal()) {
    auto found = literals_.find(known->second.patterns().front());
    std::erase(found->second, &observer);
    if (found->second.empty()) literals_.erase(found);
  } else {
    std::erase_if(patterns_, [&](const Entry& entry) { return entry.observer == &observer; });
  }
  all_.erase(known);
}

}  // namespace natrix::jetstream::stream
