#include "broker/config/value.h"

#include <fmt/format.h>

#include <algorithm>

namespace natrix::config {

std::string Position::text() const {
  return fmt::format("{}:{}:{}", file ? *file : "", line, column);
}

const Value* Value::find(std::string_view key) const {
  auto found = std::find(keys.begin(), keys.end(), key);
  return found == keys.end() ? nullptr : &items[static_cast<size_t>(found - keys.begin())];
}

std::string_view Value::type_name() const {
  switch (type) {
    case Type::kBool:
      return "a boolean";
    case Type::kInteger:
      return "an integer";
    case Type::kFloat:
      return "a number with a fraction";
    case Type::kString:
      return "a string";
    case Type::kDate:
      return "a date";
    case Type::kArray:
      return "an array";
    case Type::kMap:
      return "a map";
  }
  return "a value";
}

Value::Size Value::size() const {
  Size total{1, text.size(), 0};
  for (const std::string& key : keys) total.bytes += key.size();
  for (const Value& item : items) {
    Size below = item.size();
    total.values += below.values;
    total.bytes += below.bytes;
    total.depth = std::max(total.depth, below.depth);
  }
  if (type == Type::kArray || type == Type::kMap) ++total.depth;
  return total;
}

}  // namespace natrix::config
