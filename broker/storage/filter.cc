#include "broker/storage/filter.h"

#include <algorithm>

#include "broker/subject/tokens.h"

namespace natrix::storage {

Filter::Filter(std::vector<std::string> patterns) {
  for (std::string& pattern : patterns) {
    if (pattern.empty() || pattern == ">") {
      patterns_.clear();
      return;
    }
    bool covered = std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& other) {
      return subject::covers(other, pattern);
    });
    if (covered) continue;
    std::erase_if(patterns_,
                  [&](const std::string& other) { return subject::covers(pattern, other); });
    patterns_.push_back(std::move(pattern));
  }
  literal_ = patterns_.size() == 1 && !subject::has_wildcard(patterns_.front());
}

bool Filter::matches(std::string_view literal) const {
  if (patterns_.empty()) return true;
  if (literal_) return literal == patterns_.front();
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
    return subject::matches(pattern, literal);
  });
}

}  // namespace natrix::storage
