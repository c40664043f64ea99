#include "broker/subject/tokens.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace natrix::subject {

namespace {

bool has_space(std::string_view token) {
  return token.find_first_of(" \t\n\r\f") != std::string_view::npos;
}

constexpr size_t kWord = sizeof(uint64_t);
constexpr uint64_t kEach = 0x0101010101010101;  // times a byte: the byte eight times
constexpr uint64_t kLow7 = 0x7F * kEach;

uint64_t load(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, kWord);
  return word;
}

// In these masks bit 7 of a byte is set if the byte is what the name says.
uint64_t equal(uint64_t word, char c) {
  uint64_t differs = word ^ (static_cast<uint8_t>(c) * kEach);
  return ~(((differs & kLow7) + kLow7) | differs | kLow7);
}
uint64_t at_most_space(uint64_t word) {
  return ~(((word & kLow7) + (0x7F - ' ') * kEach) | word | kLow7);
}

// True for most valid subjects, eight bytes at a time; false decides nothing. A message with a
// subject of its own (an acknowledgement, an answer) is checked once, so this is worth the trouble.
bool is_plainly_valid(std::string_view subject) {
  if (subject.size() <= kWord || subject.front() == '.' || subject.back() == '.') return false;
  uint64_t doubtful = 0;
  auto look = [&](const char* at) {
    uint64_t word = load(at);
    uint64_t empty_token = equal(word, '.') & equal(load(at + 1), '.');
    doubtful |= at_most_space(word) | equal(word, '>') | empty_token;
  };
  const char* last = subject.data() + subject.size() - kWord - 1;
  for (const char* at = subject.data(); at < last; at += kWord) look(at);
  look(last);
  uint64_t end = load(last + 1);
  return (doubtful | at_most_space(end) | equal(end, '>')) == 0;
}

}  // namespace

bool is_valid_pattern(std::string_view subject) {
  if (subject.empty()) return false;
  if (is_plainly_valid(subject)) return true;
  std::string_view token;
  for (TokenCursor cursor(subject); cursor.next(token);) {
    if (token.empty() || has_space(token)) return false;
    if (token == ">" && !cursor.at_end()) return false;
  }
  return true;
}

bool is_valid_literal(std::string_view subject) {
  return is_valid_pattern(subject) && !has_wildcard(subject);
}

bool has_wildcard(std::string_view subject) {
  for (size_t at = subject.find_first_of("*>"); at != std::string_view::npos;
       at = subject.find_first_of("*>", at + 1)) {
    bool starts = at == 0 || subject[at - 1] == '.';
    bool ends = at + 1 == subject.size() || subject[at + 1] == '.';
    if (starts && ends) return true;
  }
  return false;
}

size_t token_count(std::string_view subject) {
  if (subject.empty()) return 0;
  size_t count = 1;
  for (char c : subject) count += c == '.';
  return count;
}

// Byte by byte, as tokens are short: looking for their ends first costs more than comparing.
bool matches(std::string_view pattern, std::string_view literal) {
  size_t p = 0;
  size_t l = 0;
  for (bool token_begins = true;;) {
    if (token_begins && p < pattern.size()) {
      bool last_byte = p + 1 == pattern.size();
      if (pattern[p] == '>' && last_byte) return true;
      if (pattern[p] == '*' && (last_byte || pattern[p + 1] == '.')) {
        l = std::min(literal.find('.', l), literal.size());
        ++p;
      }
    }
    if (p == pattern.size()) return l == literal.size();
    if (l == literal.size() || pattern[p] != literal[l]) return false;
    token_begins = pattern[p] == '.';
    ++p;
    ++l;
  }
}

bool covers(std::string_view outer, std::string_view inner) {
  TokenCursor o(outer), i(inner);
  std::string_view want, have;
  while (o.next(want)) {
    if (!i.next(have)) return false;
    if (want == ">" && o.at_end()) return true;
    if (have == ">" && i.at_end()) return false;
    if (want == "*") continue;
    if (have == "*" || want != have) return false;
  }
  return i.at_end();
}

bool overlaps(std::string_view a, std::string_view b) {
  TokenCursor ca(a), cb(b);
  std::string_view ta, tb;
  while (true) {
    bool more_a = ca.next(ta), more_b = cb.next(tb);
    if (!more_a || !more_b) return more_a == more_b;
    if ((ta == ">" && ca.at_end()) || (tb == ">" && cb.at_end())) return true;
    if (ta != "*" && tb != "*" && ta != tb) return false;
  }
}

}  // namespace natrix::subject
