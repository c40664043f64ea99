// Reading maps of the value tree into options by tables of keys.
//
// A section of the configuration is a table: spellings of a key and what to do with its value. The
// walk over a map finds the row, whatever the case of the letters; a key that NATS knows but we do
// not support is refused by name, another one is an unknown field unless it served as a variable.
// All errors of a configuration are collected, none stops the walk.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/value.h"

namespace natrix::config {

// What was found wrong; both kinds begin with "file:line:column: ".
struct Report {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;

  void error(const Value& at, std::string_view text);
  void warning(const Value& at, std::string_view text);
};

struct Range {
  int64_t low;
  int64_t high;
};

// One key with its value, and typed access to it. Each function reports an error and leaves the
// target alone when type or value do not fit.
class Field {
 public:
  Field(Report& report, std::string_view key, const Value& value)
      : report_(report), key_(key), value_(value) {}

  [[nodiscard]] const Value& value() const { return value_; }
  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] Report& report() const { return report_; }
  void error(std::string_view text) const { report_.error(value_, text); }
  void warning(std::string_view text) const { report_.warning(value_, text); }
  // "\"key\" must be <wanted>, not a string"
  void wrong_type(std::string_view wanted) const;

  bool read(std::string& target) const;
  bool read(bool& target) const;
  bool read(int64_t& target, Range range) const;
  bool read(int32_t& target, Range range) const;
  // As read(), but 0 stands for the default, which the target already has.
  template <class Int>
  bool read_unless_zero(Int& target, Range range) const {
    Int number = 0;
    if (!read(number, range)) return false;
    if (number != 0) target = number;
    return true;
  }
  // A Go duration in text, or (with a warning) whole seconds. 0 stands for the default.
  bool read(std::chrono::nanoseconds& target, std::chrono::nanoseconds low) const;
  // A duration in text only.
  bool read_text_duration(std::chrono::nanoseconds& target) const;
  // One string or an array of them, appended.
  bool read(std::vector<std::string>& target) const;
  // The value as a map, or null after an error.
  [[nodiscard]] const Value* map() const;

 private:
  Report& report_;
  std::string_view key_;
  const Value& value_;
};

// "host/net": the spellings of a key, separated by '/'.
bool is_spelling_of(std::string_view key, std::string_view spellings);

template <class Target>
struct Key {
  std::string_view spellings;
  void (*read)(const Field& field, Target& target);
};

// A key of NATS that is not supported. What says "off" is accepted where off is all we do.
struct Absent {
  std::string_view spellings;
  bool off_accepted = false;
};

// Reports an absent key; its message names key and remedy.
void refuse(const Field& field, const Absent& absent);
// A value that switches a feature off: false, "off", "disabled", {enabled: false}, 0.
bool says_off(const Value& value);

// Walks the map. `where` completes messages: "" or "in \"cluster\"".
template <class Target>
void read_section(Report& report, const Value& map, std::span<const Key<Target>> keys,
                  std::span<const Absent> absent, Target& target) {
  for (size_t i = 0; i < map.items.size(); ++i) {
    Field field(report, map.keys[i], map.items[i]);
    bool known = false;
    for (const Key<Target>& key : keys) {
      if (!is_spelling_of(field.key(), key.spellings)) continue;
      key.read(field, target);
      known = true;
      break;
    }
    for (const Absent& one : absent) {
      if (known || !is_spelling_of(field.key(), one.spellings)) continue;
      refuse(field, one);
      known = true;
    }
    if (!known && !field.value().used_as_variable)
      field.error("unknown field \"" + std::string(field.key()) + "\"");
  }
}

}  // namespace natrix::config
