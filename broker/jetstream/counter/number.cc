#include "broker/jetstream/counter/number.h"

#include <fmt/format.h>

#include <algorithm>

namespace natrix::jetstream::counter {

namespace {

constexpr size_t kLimbDigits = 9;
constexpr uint32_t kLimbBase = 1'000'000'000;

using Limbs = std::vector<uint32_t>;

uint32_t limb(const Limbs& limbs, size_t at) {
  return at < limbs.size() ? limbs[at] : 0;
}

bool less(const Limbs& a, const Limbs& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
}

Limbs sum(const Limbs& a, const Limbs& b) {
  Limbs out;
  out.reserve(std::max(a.size(), b.size()) + 1);
  uint32_t carry = 0;
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    uint32_t digit = limb(a, i) + limb(b, i) + carry;  // below 2^31
    carry = digit >= kLimbBase ? 1 : 0;
    out.push_back(digit - carry * kLimbBase);
  }
  if (carry != 0) out.push_back(carry);
  return out;
}

// `a` is not less than `b`.
Limbs difference(const Limbs& a, const Limbs& b) {
  Limbs out;
  out.reserve(a.size());
  uint32_t borrow = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    uint32_t taken = limb(b, i) + borrow;
    borrow = a[i] < taken ? 1 : 0;
    out.push_back(a[i] + borrow * kLimbBase - taken);
  }
  return out;
}

}  // namespace

void Number::trim() {
  while (!limbs_.empty() && limbs_.back() == 0) limbs_.pop_back();
  if (limbs_.empty()) negative_ = false;
}

std::optional<Number> Number::parse(std::string_view text) {
  Number number;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    number.negative_ = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  number.limbs_.reserve(text.size() / kLimbDigits + 1);
  while (!text.empty()) {
    size_t digits = std::min(text.size(), kLimbDigits);
    uint32_t value = 0;
    for (char c : text.substr(text.size() - digits)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + static_cast<uint32_t>(c - '0');
    }
    number.limbs_.push_back(value);
    text.remove_suffix(digits);
  }
  number.trim();
  return number;
}

std::string Number::text() const {
  if (limbs_.empty()) return "0";
  std::string out = fmt::format("{}{}", negative_ ? "-" : "", limbs_.back());
  for (size_t i = limbs_.size() - 1; i-- > 0;) {
    fmt::format_to(std::back_inserter(out), "{:09}", limbs_[i]);
  }
  return out;
}

Number Number::plus(const Number& other, bool other_negative) const {
  Number out;
  if (negative_ == other_negative) {
    out.limbs_ = sum(limbs_, other.limbs_);
    out.negative_ = negative_;
  } else if (less(limbs_, other.limbs_)) {
    out.limbs_ = difference(other.limbs_, limbs_);
    out.negative_ = other_negative;
  } else {
    out.limbs_ = difference(limbs_, other.limbs_);
    out.negative_ = negative_;
  }
  out.trim();
  return out;
}

}  // namespace natrix::jetstream::counter
