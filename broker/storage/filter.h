// Which subjects a consumer or a request means: none given (everything), one, or several patterns.
// Immutable, safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace natrix::storage {

class Filter {
 public:
  // Everything.
  Filter() = default;
  // An empty text or ">" means everything. Patterns must be valid (subject::is_valid_pattern).
  explicit Filter(std::string_view pattern)
      : Filter(std::vector<std::string>{std::string(pattern)}) {}
  // Patterns may overlap; a subject counts once.
  explicit Filter(std::vector<std::string> patterns);

  [[nodiscard]] bool everything() const { return patterns_.empty(); }
  // The only pattern has no wildcard: it is a subject.
  [[nodiscard]] bool is_literal() const { return literal_; }
  [[nodiscard]] const std::vector<std::string>& patterns() const { return patterns_; }
  [[nodiscard]] bool matches(std::string_view subject) const;

 private:
  std::vector<std::string> patterns_;  // none covers another
  bool literal_ = false;
};

}  // namespace natrix::storage
