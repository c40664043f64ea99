// Number: a whole number of any size, for counters that must not overflow. A value; safe from any
// thread as long as nobody changes it. Every operation takes time linear in the number of digits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace natrix::jetstream::counter {

class Number {
 public:
  Number() = default;  // zero

  // Decimal digits with or without a sign, nothing else ("+1", "-05", "007"); the rules of
  // Nats-Incr (Go's big.Int.SetString with base 10).
  static std::optional<Number> parse(std::string_view text);

  // Without needless zeros, "-" in front of negative ones.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool negative() const { return negative_; }

  friend Number operator+(const Number& a, const Number& b) { return a.plus(b, b.negative_); }
  friend Number operator-(const Number& a, const Number& b) { return a.plus(b, !b.negative_); }
  bool operator==(const Number&) const = default;

 private:
  using Limbs = std::vector<uint32_t>;

  [[nodiscard]] Number plus(const Number& other, bool other_negative) const;
  void trim();

  Limbs limbs_;            // nine digits each, lowest first, the highest not zero
  bool negative_ = false;  // never for zero
};

}  // namespace natrix::jetstream::counter
