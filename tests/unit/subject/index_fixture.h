// A SubjectIndex with a hand for inserting, removing and asking, and a record of what the listener
// was told.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broker/subject/subject_index.h"

namespace natrix::subject {

// (subject, queue) -> members, as a route would know it.
using Interest = std::map<std::pair<std::string, std::string>, uint32_t>;

class InterestRecord final : public InterestListener {
 public:
  void interest_changed(std::string_view subject, std::string_view queue,
                        uint32_t members) override {
    events.push_back(std::string(subject) + "|" + std::string(queue) + "=" +
                     std::to_string(members));
    std::pair<std::string, std::string> key(subject, queue);
    if (members == 0) {
      known.erase(key);
    } else {
      known[key] = members;
    }
  }
  std::vector<std::string> events;
  Interest known;
};

// What a match found: the sids of plain subscriptions, and of each queue group, by name, those of
// its members. Sorted, since the order over several patterns is not promised.
struct Found {
  std::vector<std::string> plain;
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;
  bool operator==(const Found&) const = default;
};

inline Found find(const SubjectIndex& index, std::string_view literal) {
  Found found;
  index.match(
      literal, [&](Subscription* sub) { found.plain.emplace_back(sub->sid()); },
      [&](const QueueGroup& group) {
        std::vector<std::string> members;
        group.members.for_each([&](Subscription* sub) { members.emplace_back(sub->sid()); });
        std::sort(members.begin(), members.end());
        found.groups.emplace_back(group.name, std::move(members));
      });
  std::sort(found.plain.begin(), found.plain.end());
  std::sort(found.groups.begin(), found.groups.end());
  return found;
}

}  // namespace natrix::subject
