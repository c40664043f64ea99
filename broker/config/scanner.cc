#include "broker/config/scanner.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <chrono>
#include <utility>

namespace natrix::config {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_space(char c) {
  return is_blank(c) || is_line_end(c) || c == '\v' || c == '\f';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}
int hex_value(char c) {
  c = lower(c);
  if (is_digit(c)) return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// A character for a message: visible, in quotes.
std::string shown(char c) {
  if (c == 0) return "the end of the file";
  if (c == '\n') return "the end of the line";
  if (std::iscntrl(static_cast<unsigned char>(c)) != 0)
    return fmt::format("byte 0x{:02x}", static_cast<unsigned char>(c));
  return fmt::format("'{}'", c);
}

// The factor of a size suffix in lower case, or 0 if there is no such suffix.
int64_t size_factor(std::string_view suffix) {
  constexpr std::string_view kLetters = "kmgtpe";
  if (suffix.empty()) return 1;
  size_t power = kLetters.find(suffix[0]);
  if (power == std::string_view::npos) return 0;
  std::string_view rest = suffix.substr(1);
  int64_t base = rest.empty() ? 1000 : 1024;
  if (!rest.empty() && rest != "b" && rest != "i" && rest != "ib") return 0;
  int64_t factor = 1;
  for (size_t i = 0; i <= power; ++i) factor *= base;
  return factor;
}

Scalar make_string(std::string text) {
  Scalar scalar;
  scalar.value.type = Value::Type::kString;
  scalar.value.text = std::move(text);
  return scalar;
}

// A bare word is a boolean, a reference to a variable, or just itself.
Scalar interpret_word(std::string_view word) {
  Scalar scalar = make_string(std::string(word));
  std::string folded = lower(word);
  bool yes = folded == "true" || folded == "yes" || folded == "on";
  if (yes || folded == "false" || folded == "no" || folded == "off") {
    scalar.value.type = Value::Type::kBool;
    scalar.value.boolean = yes;
    scalar.value.text.clear();
    return scalar;
  }
  // Bcrypt hashes start like references and need no quotes.
  for (std::string_view hash : {"$2a$", "$2b$", "$2y$"}) {
    if (word.starts_with(hash)) return scalar;
  }
  if (word.starts_with('$')) {
    scalar.is_reference = true;
    scalar.value.text.erase(0, 1);
  }
  return scalar;
}

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

Scanner::Scanner(std::string_view text, std::shared_ptr<const std::string> file)
    : text_(text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text),
      file_(std::move(file)) {}

char Scanner::peek(size_t ahead) const {
  return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
}

void Scanner::advance(size_t bytes) {
  for (; bytes > 0 && !at_end(); --bytes, ++at_) {
    if (text_[at_] == '\n') {
      ++line_;
      line_start_ = at_ + 1;
    }
  }
}

bool Scanner::starts_with(std::string_view prefix) const {
  return text_.substr(at_).starts_with(prefix);
}

Position Scanner::position() const {
  return {file_, line_, static_cast<int>(at_ - line_start_) + 1};
}

Failure<Error> Scanner::error(const std::string& text) const {
  return error_at(position(), text);
}

Failure<Error> Scanner::error_at(const Position& position, const std::string& text) const {
  return fail(fmt::format("{}: Parse error: {}", position.text(), text));
}

void Scanner::skip_spaces() {
  while (is_blank(peek())) advance();
}

void Scanner::skip_space_and_lines() {
  while (is_space(peek())) advance();
}

void Scanner::skip_comment() {
  while (!at_end() && !is_line_end(peek())) advance();
}

void Scanner::skip_space_and_comments() {
  for (skip_space_and_lines(); at_comment(); skip_space_and_lines()) skip_comment();
}

Result<std::string> Scanner::key(bool& quoted) {
  char quote = peek();
  quoted = quote == '"' || quote == '\'';
  if (!quoted) {
    if (quote == '=' || quote == ':')
      return error(fmt::format("a key was expected but got the separator {}", shown(quote)));
    size_t start = at_;
    while (!at_end() && !is_space(peek()) && peek() != '=' && peek() != ':') advance();
    return std::string(since(start));
  }
  Position begin = position();
  advance();
  size_t start = at_;
  while (!at_end() && peek() != quote) advance();
  if (at_end()) return error_at(begin, "this quoted key has no closing quote");
  std::string key(since(start));
  advance();
  return key;
}

Result<std::string> Scanner::include_path() {
  skip_spaces();
  Position begin = position();
  char quote = peek();
  if (quote == '"' || quote == '\'') {
    advance();
    size_t start = at_;
    while (!at_end() && peek() != quote) advance();
    if (at_end()) return error_at(begin, "this include path has no closing quote");
    std::string path(since(start));
    advance();
    return path;
  }
  size_t start = at_;
  while (!at_end() && !is_space(peek()) && peek() != ';' && peek() != '}') advance();
  std::string path(since(start));
  bool scalar_start =
      !path.empty() && std::string_view("[{(\\-").find(path[0]) == path.npos && !is_digit(path[0]);
  if (!scalar_start) {
    return error_at(begin,
                    "include needs the path of a file; put it in quotes if it starts with a digit");
  }
  return path;
}

bool Scanner::at_scalar_end() const {
  char c = peek();
  return at_end() || is_line_end(c) || is_blank(c) || c == ';' || c == ',' || c == ']' || c == '}';
}

void Scanner::skip_digits() {
  while (is_digit(peek())) advance();
}

Result<Scalar> Scanner::scalar() {
  char c = peek();
  switch (c) {
    case '"':
    case '\'':
      return quoted_string(c);
    case '(':
      return block_string();
    case '.':
      return error("a number must start with a digit; put the value in quotes if it is a string");
    case '-':
      if (!is_digit(peek(1))) {
        return error(
            fmt::format("a digit was expected after '-' but got {}; put the value in "
                        "quotes if it is a string",
                        shown(peek(1))));
      }
      return number();
    default:
      break;
  }
  if (at_scalar_end()) return error(fmt::format("a value was expected but got {}", shown(c)));
  return is_digit(c) ? number() : bare_string(at_);
}

// The character that a backslash sequence stands for; the scanner stands after the backslash.
Result<char> Scanner::escaped() {
  char c = peek();
  advance();
  switch (c) {
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case '"':
      return '"';
    case '\\':
      return '\\';
    case 'x':
      break;
    default:
      return error(fmt::format(R"(invalid escape \{}; known are \xHH, \t, \n, \r, \" and \\)",
                               is_space(c) || c == 0 ? "" : std::string(1, c)));
  }
  int high = hex_value(peek());
  int low = high < 0 ? -1 : hex_value(peek(1));
  if (low < 0) return error(R"(two hexadecimal digits were expected after \x)");
  advance(2);
  return static_cast<char>(high * 16 + low);
}

Result<Scalar> Scanner::quoted_string(char quote) {
  Position begin = position();
  advance();
  std::string text;
  while (!at_end() && peek() != quote) {
    char c = peek();
    advance();
    if (c == '\\' && quote == '"') {
      Result<char> special = escaped();
      if (!special) return fail(special.error().message);
      c = *special;
    }
    text += c;
  }
  if (at_end()) return error_at(begin, "this string has no closing quote");
  advance();
  return make_string(std::move(text));
}

// "( … )" with the closing parenthesis alone on its line.
Result<Scalar> Scanner::block_string() {
  Position begin = position();
  advance();
  size_t start = at_;
  for (; !at_end(); advance()) {
    if (peek() != ')' || at_ == start || text_[at_ - 1] != '\n') continue;
    char after = peek(1);
    bool last = at_ + 1 >= text_.size();
    if (!last && after != '\n' && !(after == '\r' && peek(2) == '\n')) continue;
    std::string text(since(start));
    advance();
    return make_string(std::move(text));
  }
  return error_at(begin, "this block has no closing ')' alone on a line");
}

Result<Scalar> Scanner::bare_string(size_t start) {
  std::string text(since(start));
  bool escapes = false;
  while (!at_scalar_end() && peek() != '\'') {
    char c = peek();
    advance();
    if (c == '\\') {
      escapes = true;
      Result<char> special = escaped();
      if (!special) return fail(special.error().message);
      c = *special;
    }
    text += c;
  }
  // A closing quote without an opening one ends the word, as in nats-server.
  if (peek() == '\'') advance();
  if (escapes || (!text.empty() && is_digit(text[0]))) return make_string(std::move(text));
  return interpret_word(text);
}

Result<Scalar> Scanner::number() {
  size_t start = at_;
  bool negative = peek() == '-';
  if (negative) advance();
  skip_digits();
  char c = peek();
  if (c == '.') return real_or_address(start);
  if (c == '-' && !negative) {
    if (at_ - start == 4) return date(start);
    return error(
        "a date needs the form 2006-01-02T15:04:05Z; put the value in quotes if it is a "
        "string");
  }
  size_t digits_end = at_;
  if (std::string_view("kmgtpe").find(lower(c)) != std::string_view::npos && c != 0) {
    advance();
    while (lower(peek()) == 'b' || lower(peek()) == 'i') advance();
  }
  return at_scalar_end() ? integer(start, digits_end) : bare_string(start);
}

Result<Scalar> Scanner::integer(size_t start, size_t digits_end) {
  std::string_view digits = text_.substr(start, digits_end - start);
  std::string_view suffix = text_.substr(digits_end, at_ - digits_end);
  Scalar scalar;
  scalar.value.type = Value::Type::kInteger;
  int64_t& number = scalar.value.integer;
  auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  int64_t factor = size_factor(lower(suffix));
  if (factor == 0) {
    return error(
        fmt::format("integer '{}' has an unknown suffix; known are k, kb, ki, kib and the "
                    "same with m, g, t, p, e",
                    since(start)));
  }
  if (problem != std::errc() || __builtin_mul_overflow(number, factor, &number))
    return error(fmt::format("integer '{}' is out of range", since(start)));
  return scalar;
}

Result<Scalar> Scanner::real_or_address(size_t start) {
  advance();
  if (!is_digit(peek())) {
    return error(
        fmt::format("a digit was expected after '.' but got {}; put the value in quotes "
                    "if it is a string",
                    shown(peek())));
  }
  skip_digits();
  if (!at_scalar_end()) return bare_string(start);
  std::string_view digits = since(start);
  Scalar scalar;
  scalar.value.type = Value::Type::kFloat;
  auto [end, problem] =
      std::from_chars(digits.data(), digits.data() + digits.size(), scalar.value.number);
  if (problem != std::errc()) return error(fmt::format("number '{}' is out of range", digits));
  return scalar;
}

Result<Scalar> Scanner::date(size_t start) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00Z";
  auto wrong = [&] {
    return error(
        "a date needs the form 2006-01-02T15:04:05Z; put the value in quotes if it is a "
        "string");
  };
  std::string_view text = text_.substr(start, kShape.size());
  if (text.size() != kShape.size()) return wrong();
  for (size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] == '0' ? !is_digit(text[i]) : text[i] != kShape[i]) return wrong();
  }
  auto field = [&](size_t offset, size_t length) {
    unsigned value = 0;
    for (char c : text.substr(offset, length)) value = value * 10 + static_cast<unsigned>(c - '0');
    return value;
  };
  using namespace std::chrono;
  year_month_day day(year(static_cast<int>(field(0, 4))), month(field(5, 2)),
                     std::chrono::day(field(8, 2)));
  unsigned hour = field(11, 2), minute = field(14, 2), second = field(17, 2);
  if (!day.ok() || hour > 23 || minute > 59 || second > 59)
    return error(fmt::format("'{}' is no date of the calendar", text));
  advance(kShape.size() - (at_ - start));
  Scalar scalar;
  scalar.value.type = Value::Type::kDate;
  scalar.value.text = text;
  scalar.value.integer = duration_cast<seconds>(sys_days(day).time_since_epoch()).count() +
                         hour * 3600 + minute * 60 + second;
  return scalar;
}

}  // namespace natrix::config
