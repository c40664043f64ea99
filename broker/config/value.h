// The tree that the configuration language describes: what parse_config() makes and load_options()
// reads. A plain value, as thread-safe as any; positions serve error messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace natrix::config {

// Where something stands. Lines and columns count from 1, columns in bytes.
struct Position {
  std::shared_ptr<const std::string> file;  // as named on the command line or by include
  int line = 1;
  int column = 1;

  // "file:line:column"
  [[nodiscard]] std::string text() const;
};

struct Value {
  enum class Type : uint8_t { kBool, kInteger, kFloat, kString, kDate, kArray, kMap };

  Type type = Type::kMap;
  // Of the key for a value in a map, of the value itself in an array.
  Position position;
  // Some $reference took this value: then an unknown key is a variable, not a mistake.
  bool used_as_variable = false;

  bool boolean = false;
  int64_t integer = 0;  // kDate: seconds since 1970
  double number = 0;
  std::string text;               // kString, and kDate as written
  std::vector<Value> items;       // elements of an array, values of a map
  std::vector<std::string> keys;  // of a map, as written, one for each item, in order of the file

  [[nodiscard]] bool is(Type t) const { return type == t; }
  // The value below `key` (exact spelling) or null. The pointer lives as long as the map is not
  // changed.
  [[nodiscard]] const Value* find(std::string_view key) const;
  // "a string", "an integer", … for messages.
  [[nodiscard]] std::string_view type_name() const;

  // How big the tree is that starts here.
  struct Size {
    size_t values = 1;
    size_t bytes = 0;  // of all texts and keys
    int depth = 0;     // 0: no array or map
  };
  [[nodiscard]] Size size() const;
};

}  // namespace natrix::config
