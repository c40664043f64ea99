// The characters of a configuration text and the scalars made of them (wire.md 22.1): strings in
// their four forms, numbers with size suffixes, dates, booleans, references. Structure is the
// parser's. Pure; one scanner is used by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/base/result.h"
#include "broker/config/value.h"

namespace natrix::config {

// A scalar as written: either a finished value or the name of a variable to look up.
struct Scalar {
  Value value;
  bool is_reference = false;  // value.text is the name, without '$'
};

class Scanner {
 public:
  // `text` must outlive the scanner. A byte order mark at its start is skipped.
  Scanner(std::string_view text, std::shared_ptr<const std::string> file);

  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  // The next byte, or 0 at the end (and for a NUL byte, which next_bad_byte() refuses beforehand).
  [[nodiscard]] char peek(size_t ahead = 0) const;
  void advance(size_t bytes = 1);
  [[nodiscard]] bool starts_with(std::string_view prefix) const;
  [[nodiscard]] Position position() const;
  [[nodiscard]] bool at_comment() const { return peek() == '#' || starts_with("//"); }

  void skip_spaces();              // blanks and tabs
  void skip_space_and_lines();     // white space of any kind
  void skip_space_and_comments();  // that and comments
  void skip_comment();             // up to the end of the line

  // A key up to white space, '=' or ':', or in quotes. `quoted` tells which.
  Result<std::string> key(bool& quoted);
  // The path after the word include.
  Result<std::string> include_path();
  // A value that is neither '[' nor '{'; the scanner must stand on its first character.
  Result<Scalar> scalar();

  // An error at this place: "file:line:column: Parse error: <text>".
  [[nodiscard]] Failure<Error> error(const std::string& text) const;
  [[nodiscard]] Failure<Error> error_at(const Position& position, const std::string& text) const;

 private:
  Result<Scalar> quoted_string(char quote);
  Result<Scalar> block_string();
  Result<Scalar> bare_string(size_t start);
  Result<Scalar> number();
  Result<Scalar> integer(size_t start, size_t digits_end);
  Result<Scalar> real_or_address(size_t start);
  Result<Scalar> date(size_t start);
  Result<char> escaped();
  [[nodiscard]] bool at_scalar_end() const;
  void skip_digits();
  [[nodiscard]] std::string_view since(size_t start) const {
    return text_.substr(start, at_ - start);
  }

  std::string_view text_;
  std::shared_ptr<const std::string> file_;
  size_t at_ = 0;
  int line_ = 1;
  size_t line_start_ = 0;
};

}  // namespace natrix::config
