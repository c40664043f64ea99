// Subjects and patterns as text (wire.md 1.2): tokens separated by '.', '*' stands for one token,
// '>' for one or more at the end. Pure functions; views point into the caller's text.
#pragma once

#include <cstddef>
#include <string_view>

namespace natrix::subject {

// Walks the tokens of a subject: for (TokenCursor c(s); c.next(token);) ...
class TokenCursor {
 public:
  explicit TokenCursor(std::string_view subject) : rest_(subject) {}

  bool next(std::string_view& token) {
    if (done_) return false;
    size_t dot = rest_.find('.');
    token = rest_.substr(0, dot);
    if (dot == std::string_view::npos) {
      done_ = true;
    } else {
      rest_.remove_prefix(dot + 1);
    }
    return true;
  }
  [[nodiscard]] bool at_end() const { return done_; }
  // What has not been walked yet; empty at the end.
  [[nodiscard]] std::string_view rest() const { return done_ ? std::string_view{} : rest_; }

 private:
  std::string_view rest_;
  bool done_ = false;
};

// No empty token, no white space, '>' only as the last token. Wildcards allowed.
bool is_valid_pattern(std::string_view subject);
// A valid pattern without wildcard tokens, i.e. what may be published to.
bool is_valid_literal(std::string_view subject);
// True when some token is exactly "*" or ">".
bool has_wildcard(std::string_view subject);
size_t token_count(std::string_view subject);

// Whether a message on `literal` reaches a subscription on `pattern`.
bool matches(std::string_view pattern, std::string_view literal);
// Whether every subject that matches `inner` also matches `outer`.
bool covers(std::string_view outer, std::string_view inner);
// Whether some subject matches both patterns.
bool overlaps(std::string_view a, std::string_view b);

}  // namespace natrix::subject
