#include "operator/local/memory_api/schema.h"

namespace natrix::memory_api {

namespace {

// Deeper documents are refused by validation; recursion must not be at the mercy of a client.
constexpr int kMaxDepth = 100;

void default_object(const Schema& schema, Json& value, int depth);

void default_value(const Schema& schema, Json& value, int depth) {
  if (depth > kMaxDepth) return;
  switch (schema.shape) {
    case Shape::kObject:
      if (value.is_object()) default_object(schema, value, depth);
      break;
    case Shape::kMap:
      if (!value.is_object() || !schema.element) break;
      for (auto& item : value.items()) default_value(*schema.element, item.value(), depth + 1);
      break;
    case Shape::kList:
      if (!value.is_array() || !schema.element) break;
      for (Json& item : value) default_value(*schema.element, item, depth + 1);
      break;
    default:
      break;
  }
}

void default_object(const Schema& schema, Json& value, int depth) {
  for (const auto& [name, field] : schema.fields) {
    auto found = value.find(name);
    const bool null = found != value.end() && found->is_null();
    if (null && !field->nullable && (field->default_value || field->builtin)) {
      value.erase(found);
      found = value.end();
    }
    if (found == value.end() && field->default_value) {
      value[name] = *field->default_value;
      found = value.find(name);
    }
    if (found != value.end()) default_value(*field, *found, depth + 1);
  }
}

void prune_object(const Schema& schema, Json& value, const std::string& path, bool root, int depth,
                  std::vector<std::string>& unknown);

void prune_value(const Schema& schema, Json& value, const std::string& path, int depth,
                 std::vector<std::string>& unknown) {
  if (depth > kMaxDepth) return;
  if (schema.shape == Shape::kObject && value.is_object()) {
    prune_object(schema, value, path, schema.embedded, depth, unknown);
  } else if (schema.shape == Shape::kMap && value.is_object() && schema.element) {
    for (auto& item : value.items()) {
      prune_value(*schema.element, item.value(), path + "." + item.key(), depth + 1, unknown);
    }
  } else if (schema.shape == Shape::kList && value.is_array() && schema.element) {
    for (size_t i = 0; i < value.size(); ++i) {
      prune_value(*schema.element, value[i], fmt::format("{}[{}]", path, i), depth + 1, unknown);
    }
  }
}

bool always_known(const std::string& name) {
  return name == "apiVersion" || name == "kind" || name == "metadata";
}

void prune_object(const Schema& schema, Json& value, const std::string& path, bool root, int depth,
                  std::vector<std::string>& unknown) {
  for (auto it = value.begin(); it != value.end();) {
    const std::string& name = it.key();
    const std::string where = path.empty() ? name : path + "." + name;
    const Schema* field = schema.member(name);
    if (field != nullptr) {
      prune_value(*field, it.value(), where, depth + 1, unknown);
      ++it;
    } else if (schema.preserve_unknown || (root && always_known(name))) {
      ++it;
    } else {
      unknown.push_back(where);
      it = value.erase(it);
    }
  }
}

void canonicalize_string(const Schema& schema, Json& value) {
  if (schema.format != "quantity") return;
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  Result<std::string> canonical = canonical_quantity(text);
  if (canonical) value = *canonical;
}

}  // namespace

const Schema* Schema::member(std::string_view name) const {
  if (shape == Shape::kMap) return element.get();
  for (const auto& [field, child] : fields) {
    if (field == name) return child.get();
  }
  return nullptr;
}

void apply_defaults(const Schema& schema, Json& value) {
  default_value(schema, value, 0);
}

void prune(const Schema& schema, Json& value, std::vector<std::string>& unknown) {
  if (value.is_object() && schema.shape == Shape::kObject) {
    prune_object(schema, value, "", true, 0, unknown);
  }
}

void canonicalize(const Schema& schema, Json& value) {
  if (schema.shape == Shape::kObject && value.is_object()) {
    for (auto& item : value.items()) {
      if (const Schema* field = schema.member(item.key())) canonicalize(*field, item.value());
    }
  } else if (schema.shape == Shape::kMap && value.is_object() && schema.element) {
    for (auto& item : value.items()) canonicalize(*schema.element, item.value());
  } else if (schema.shape == Shape::kList && value.is_array() && schema.element) {
    for (Json& item : value) canonicalize(*schema.element, item);
  } else if (value.is_string() || value.is_number()) {
    canonicalize_string(schema, value);
  }
}

}  // namespace natrix::memory_api
