#include "broker/tls/distinguished_name.h"

#include <algorithm>

namespace natrix::tls {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool same(const DistinguishedName::Relative& a, const DistinguishedName::Relative& b) {
  auto all_in = [](const auto& these, const auto& those) {
    return std::all_of(these.begin(), these.end(), [&](const auto& one) {
      return std::find(those.begin(), those.end(), one) != those.end();
    });
  };
  return a.size() == b.size() && all_in(a, b) && all_in(b, a);
}

// Walks over the text once; what has been read of a type or value is in word_.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<DistinguishedName> parse() {
    for (; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == '\\') {
        if (!unescape()) return fail("a backslash must be followed by two hex digits or a sign");
      } else if (c == '=') {
        type_ = take_word();
        if (at_ + 1 < text_.size() && text_[at_ + 1] == '#') return fail("BER is not supported");
      } else if (c == ',' || c == '+') {
        if (type_.empty()) return fail("a value without a type");
        end_attribute();
        if (c == ',') end_relative();
      } else if (c == ' ' && word_.empty()) {
        continue;  // leading spaces do not count, nor do trailing ones
      } else {
        word_ += c;
        trailing_spaces_ = c == ' ' ? trailing_spaces_ + 1 : 0;
      }
    }
    if (!word_.empty()) {
      if (type_.empty()) return fail("a value without a type");
      end_attribute();
      end_relative();
    }
    return std::move(name_);
  }

 private:
  bool unescape() {
    trailing_spaces_ = 0;
    if (++at_ >= text_.size()) return false;
    char c = text_[at_];
    if (std::string_view(" \"#+,;<=>\\").find(c) != std::string_view::npos) {
      word_ += c;
      return true;
    }
    if (at_ + 1 >= text_.size()) return false;
    int high = hex_digit(c), low = hex_digit(text_[at_ + 1]);
    if (high < 0 || low < 0) return false;
    word_ += static_cast<char>(high * 16 + low);
    ++at_;
    return true;
  }

  std::string take_word() {
    word_.resize(word_.size() - trailing_spaces_);
    trailing_spaces_ = 0;
    return std::exchange(word_, {});
  }

  void end_attribute() {
    std::string value = take_word();
    relative_.push_back({std::exchange(type_, {}), std::move(value)});
  }
  void end_relative() { name_.parts.push_back(std::exchange(relative_, {})); }

  std::string_view text_;
  size_t at_ = 0;
  DistinguishedName name_;
  DistinguishedName::Relative relative_;
  std::string type_, word_;
  size_t trailing_spaces_ = 0;
};

}  // namespace

bool DistinguishedName::Attribute::operator==(const Attribute& other) const {
  return value == other.value &&
         std::equal(type.begin(), type.end(), other.type.begin(), other.type.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

bool DistinguishedName::equals(const DistinguishedName& other) const {
  return std::equal(parts.begin(), parts.end(), other.parts.begin(), other.parts.end(), same);
}

bool DistinguishedName::matches(const DistinguishedName& other) const {
  if (parts.size() != other.parts.size()) return false;
  std::vector<bool> taken(other.parts.size());
  return std::all_of(parts.begin(), parts.end(), [&](const Relative& part) {
    for (size_t i = 0; i < other.parts.size(); ++i) {
      if (taken[i] || !same(part, other.parts[i])) continue;
      taken[i] = true;
      return true;
    }
    return false;
  });
}

Result<DistinguishedName> parse_distinguished_name(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace natrix::tls
