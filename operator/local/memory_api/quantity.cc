// Resource quantities ("100m", "10Gi", "1e3"): parsing and the canonical spelling of an API server.
// The rules: a number with at most three decimals after scaling, suffix families binary (Ki..Ei),
// decimal (n, u, m, none, k..E) and exponent; canonical is the largest suffix without a fraction.
#include <cmath>
#include <cstdlib>

#include "operator/local/memory_api/schema.h"

namespace natrix::memory_api {

namespace {

__extension__ typedef __int128 Wide;

enum class Family { kBinary, kDecimal, kExponent };

struct Suffix {
  std::string_view text;
  Family family;
  int power;  // of 1024 for binary, of ten otherwise
};

constexpr Suffix kSuffixes[] = {
    {"Ki", Family::kBinary, 1},  {"Mi", Family::kBinary, 2},  {"Gi", Family::kBinary, 3},
    {"Ti", Family::kBinary, 4},  {"Pi", Family::kBinary, 5},  {"Ei", Family::kBinary, 6},
    {"n", Family::kDecimal, -9}, {"u", Family::kDecimal, -6}, {"m", Family::kDecimal, -3},
    {"", Family::kDecimal, 0},   {"k", Family::kDecimal, 3},  {"M", Family::kDecimal, 6},
    {"G", Family::kDecimal, 9},  {"T", Family::kDecimal, 12}, {"P", Family::kDecimal, 15},
    {"E", Family::kDecimal, 18},
};

struct Parsed {
  bool negative = false;
  Family family = Family::kDecimal;
  // value = mantissa * 10^exponent (* 1024^binary)
  Wide mantissa = 0;
  int exponent = 0;
  int binary = 0;
};

// Keeps mantissa * 1024^6 * 10 within 127 bits.
constexpr Wide kMaxMantissa = 1000000000000000000;

constexpr const char* kForm =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

Result<Parsed> parse(std::string_view text) {
  Parsed out;
  size_t at = 0;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) out.negative = text[at++] == '-';
  bool digits = false;
  bool point = false;
  for (; at < text.size(); ++at) {
    if (text[at] == '.' && !point) {
      point = true;
      continue;
    }
    if (text[at] < '0' || text[at] > '9') break;
    digits = true;
    if (out.mantissa > kMaxMantissa) return fail("number too large");
    out.mantissa = out.mantissa * 10 + (text[at] - '0');
    if (point) --out.exponent;
  }
  if (!digits) return fail(kForm);
  const std::string_view suffix = text.substr(at);
  for (const Suffix& known : kSuffixes) {
    if (known.text != suffix) continue;
    out.family = known.family;
    (known.family == Family::kBinary ? out.binary : out.exponent) += known.power;
    return out;
  }
  if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) return fail(kForm);
  char* end = nullptr;
  const std::string digits_text(suffix.substr(1));
  const long power = std::strtol(digits_text.c_str(), &end, 10);
  if (*end != '\0' || power > 30 || power < -30) return fail(kForm);
  out.family = Family::kExponent;
  out.exponent += static_cast<int>(power);
  return out;
}

std::string text_of(Wide number) {
  if (number == 0) return "0";
  std::string out;
  for (; number > 0; number /= 10) out.insert(out.begin(), static_cast<char>('0' + number % 10));
  return out;
}

// Integral units of `value` in binary form, or nothing when it has a fraction.
std::optional<Wide> integral(const Parsed& value) {
  Wide number = value.mantissa;
  for (int i = 0; i < value.binary; ++i) number *= 1024;
  for (int i = value.exponent; i < 0; ++i) {
    if (number % 10 != 0) return std::nullopt;
    number /= 10;
  }
  for (int i = 0; i < value.exponent; ++i) number *= 10;
  return number;
}

std::string binary_text(Wide number) {
  static constexpr const char* kNames[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  int power = 0;
  while (number != 0 && number % 1024 == 0 && power < 6) {
    number /= 1024;
    ++power;
  }
  return text_of(number) + kNames[power];
}

std::string decimal_text(Wide mantissa, int exponent, bool as_exponent) {
  while (mantissa != 0 && mantissa % 10 == 0) {
    mantissa /= 10;
    ++exponent;
  }
  if (mantissa == 0) return "0";
  // Nothing below a nano unit survives: rounded up, as the API server does.
  while (exponent < -9) {
    mantissa = (mantissa + 9) / 10;
    ++exponent;
  }
  while (exponent % 3 != 0 || exponent > 18) {
    mantissa *= 10;
    --exponent;
  }
  if (as_exponent) {
    return text_of(mantissa) + (exponent == 0 ? "" : fmt::format("e{}", exponent));
  }
  for (const Suffix& suffix : kSuffixes) {
    if (suffix.family == Family::kDecimal && suffix.power == exponent) {
      return text_of(mantissa) + std::string(suffix.text);
    }
  }
  return text_of(mantissa);
}

}  // namespace

Result<std::string> canonical_quantity(std::string_view text) {
  Result<Parsed> parsed = parse(text);
  if (!parsed) return fail(parsed.error().message);
  const std::string sign = parsed->negative && parsed->mantissa != 0 ? "-" : "";
  if (parsed->family == Family::kBinary) {
    const std::optional<Wide> number = integral(*parsed);
    // Below 1024 the binary form says nothing more than the decimal one.
    if (number && *number >= 1024) return sign + binary_text(*number);
    Parsed decimal = *parsed;
    for (int i = 0; i < decimal.binary; ++i) decimal.mantissa *= 1024;
    return sign + decimal_text(decimal.mantissa, decimal.exponent, false);
  }
  return sign +
         decimal_text(parsed->mantissa, parsed->exponent, parsed->family == Family::kExponent);
}

Result<double> quantity_value(std::string_view text) {
  Result<Parsed> parsed = parse(text);
  if (!parsed) return fail(parsed.error().message);
  const double number = static_cast<double>(parsed->mantissa) * std::pow(10.0, parsed->exponent) *
                        std::pow(1024.0, parsed->binary);
  return parsed->negative ? -number : number;
}

}  // namespace natrix::memory_api
