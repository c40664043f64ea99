#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <numeric>

#include "broker/config/parser.h"
#include "broker/crypto/sha256.h"

namespace natrix::config {
namespace {

// The bytes of one UTF-8 character at the front, 0 if there is none.
size_t utf8_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = byte(0);
  size_t length = lead < 0x80 ? 1 : lead >= 0xC2 && lead < 0xE0 ? 2 : (lead & 0xF0) == 0xE0 ? 3 : 4;
  if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and what lies beyond Unicode.
  bool wrong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
               (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F);
  return wrong ? 0 : length;
}

// A string as Go's JSON encoder writes it, with what HTML treats specially escaped.
void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    size_t length = utf8_length(text);
    std::string_view one = text.substr(0, std::max<size_t>(length, 1));
    char c = one[0];
    if (length == 0) {
      out += "\\ufffd";
    } else if (one == "\xE2\x80\xA8" || one == "\xE2\x80\xA9") {
      out += one.back() == '\xA8' ? "\\u2028" : "\\u2029";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\b') {
      out += "\\b";
    } else if (c == '\f') {
      out += "\\f";
    } else if (length == 1 &&
               (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&')) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += one;
    }
    text.remove_prefix(one.size());
  }
  out += '"';
}

// Shortest digits that read back the same; an exponent only far from 1, "1e-7" rather than "1e-07".
void append_number(std::string& out, double number) {
  double magnitude = std::abs(number);
  bool exponent = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
  char text[400];
  auto end = std::to_chars(text, text + sizeof text, number,
                           exponent ? std::chars_format::scientific : std::chars_format::fixed);
  std::string digits(text, end.ptr);
  size_t at = digits.find("e-0");
  if (at != std::string::npos) digits.erase(at + 2, 1);
  out += digits;
}

void append_json(std::string& out, const Value& value);

void append_map(std::string& out, const Value& map) {
  std::vector<size_t> order(map.keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return map.keys[a] < map.keys[b]; });
  out += '{';
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0) out += ',';
    append_string(out, map.keys[order[i]]);
    out += ':';
    append_json(out, map.items[order[i]]);
  }
  out += '}';
}

void append_array(std::string& out, const Value& array) {
  out += '[';
  for (size_t i = 0; i < array.items.size(); ++i) {
    if (i > 0) out += ',';
    append_json(out, array.items[i]);
  }
  out += ']';
}

void append_json(std::string& out, const Value& value) {
  switch (value.type) {
    case Value::Type::kBool:
      out += value.boolean ? "true" : "false";
      return;
    case Value::Type::kInteger:
      out += std::to_string(value.integer);
      return;
    case Value::Type::kFloat:
      append_number(out, value.number);
      return;
    case Value::Type::kString:
      append_string(out, value.text);
      return;
    case Value::Type::kDate:
      append_string(out, value.text);
      return;
    case Value::Type::kArray:
      append_array(out, value);
      return;
    case Value::Type::kMap:
      append_map(out, value);
      return;
  }
}

}  // namespace

std::string config_json(const Value& root) {
  std::string json;
  append_json(json, root);
  return json;
}

std::string config_digest(const Value& root) {
  return "sha256:" + sha256_hex(config_json(root) + "\n");
}

}  // namespace natrix::config
