// Types, required fields and limits of a value, with the messages of an API server.
#include <regex>

#include "operator/local/memory_api/schema.h"

namespace natrix::memory_api {

namespace {

constexpr size_t kMaxCauses = 50;
constexpr int kMaxDepth = 100;
constexpr size_t kMaxMatched = 8192;  // std::regex recurses per character

struct Context {
  std::vector<Cause>& causes;
  int depth = 0;

  void add(const std::string& path, std::string reason, std::string message) const {
    if (causes.size() < kMaxCauses) causes.push_back({path, std::move(reason), std::move(message)});
  }
  void invalid(const std::string& path, const Json& value, const std::string& why) const {
    add(path, "FieldValueInvalid", fmt::format("Invalid value: {}: {}", value.dump(), why));
  }
};

void check(const Context& context, const Schema& schema, const Json& value,
           const std::string& path);

const char* shape_name(Shape shape) {
  switch (shape) {
    case Shape::kObject:
    case Shape::kMap:
      return "object";
    case Shape::kList:
      return "array";
    case Shape::kString:
      return "string";
    case Shape::kInteger:
      return "integer";
    case Shape::kNumber:
      return "number";
    case Shape::kBoolean:
      return "boolean";
    case Shape::kIntOrString:
      return "integer,string";
    case Shape::kAny:
      break;
  }
  return "any";
}

bool is_integral(const Json& value) {
  if (value.is_number_integer()) return true;
  if (!value.is_number_float()) return false;
  const double number = value.get<double>();
  return number == static_cast<double>(static_cast<int64_t>(number));
}

bool shape_matches(const Schema& schema, const Json& value) {
  switch (schema.shape) {
    case Shape::kAny:
      return true;
    case Shape::kObject:
    case Shape::kMap:
      return value.is_object();
    case Shape::kList:
      return value.is_array();
    case Shape::kString:
      return value.is_string() || (schema.format == "quantity" && value.is_number());
    case Shape::kInteger:
      return is_integral(value);
    case Shape::kNumber:
      return value.is_number();
    case Shape::kBoolean:
      return value.is_boolean();
    case Shape::kIntOrString:
      return value.is_string() || is_integral(value);
  }
  return true;
}

void check_number(const Context& context, const Schema& schema, const Json& value,
                  const std::string& path) {
  const double number = value.get<double>();
  const Limits& limits = schema.limits;
  if (limits.minimum &&
      (number < *limits.minimum || (limits.exclusive_minimum && number == *limits.minimum))) {
    context.invalid(path, value,
                    fmt::format("{} in body should be greater than {}{}", path,
                                limits.exclusive_minimum ? "" : "or equal to ", *limits.minimum));
  }
  if (limits.maximum &&
      (number > *limits.maximum || (limits.exclusive_maximum && number == *limits.maximum))) {
    context.invalid(path, value,
                    fmt::format("{} in body should be less than {}{}", path,
                                limits.exclusive_maximum ? "" : "or equal to ", *limits.maximum));
  }
  if (limits.multiple_of && *limits.multiple_of != 0) {
    const double ratio = number / *limits.multiple_of;
    if (ratio != static_cast<double>(static_cast<int64_t>(ratio))) {
      context.invalid(path, value, fmt::format("should be a multiple of {}", *limits.multiple_of));
    }
  }
  if (schema.format == "int32" && (number > 2147483647.0 || number < -2147483648.0)) {
    context.invalid(path, value, "does not fit into 32 bits");
  }
}

// Characters, not bytes: limits count Unicode code points.
size_t length_of(const std::string& text) {
  size_t length = 0;
  for (const char c : text) length += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return length;
}

void check_string(const Context& context, const Schema& schema, const Json& value,
                  const std::string& path) {
  const auto& text = value.get_ref<const std::string&>();
  const Limits& limits = schema.limits;
  const size_t length = length_of(text);
  if (limits.min_length && length < *limits.min_length) {
    context.invalid(
        path, value,
        fmt::format("{} in body should be at least {} chars long", path, *limits.min_length));
  }
  if (limits.max_length && length > *limits.max_length) {
    context.add(path, "FieldValueTooLong",
                fmt::format("Too long: may not be more than {} bytes", *limits.max_length));
    return;  // an over-long string is not matched against a pattern
  }
  if (!limits.pattern.empty() && text.size() > kMaxMatched) {
    context.invalid(path, value, "too long to be matched against a pattern");
  } else if (!limits.pattern.empty()) {
    try {
      if (!std::regex_search(text, std::regex(limits.pattern, std::regex::ECMAScript))) {
        context.invalid(path, value,
                        fmt::format("{} in body should match '{}'", path, limits.pattern));
      }
    } catch (const std::regex_error& error) {
      context.invalid(path, value, fmt::format("pattern {}: {}", limits.pattern, error.what()));
    }
  }
  if (schema.format == "quantity") {
    Result<std::string> quantity = canonical_quantity(text);
    if (!quantity) context.invalid(path, value, quantity.error().message);
  }
}

Json key_of(const Schema& item_schema, const std::vector<std::string>& keys, const Json& item) {
  Json key = Json::object();
  for (const std::string& name : keys) {
    if (item.is_object() && item.contains(name)) {
      key[name] = item[name];
    } else if (const Schema* field = item_schema.member(name); field && field->default_value) {
      key[name] = *field->default_value;
    }
  }
  return key;
}

void check_list(const Context& context, const Schema& schema, const Json& value,
                const std::string& path) {
  const Limits& limits = schema.limits;
  if (limits.min_items && value.size() < *limits.min_items) {
    context.invalid(
        path, Json(value.size()),
        fmt::format("{} in body should have at least {} items", path, *limits.min_items));
  }
  if (limits.max_items && value.size() > *limits.max_items) {
    context.add(
        path, "FieldValueTooMany",
        fmt::format("Too many: {}: must have at most {} items", value.size(), *limits.max_items));
    return;
  }
  std::set<std::string> seen;
  for (size_t i = 0; i < value.size(); ++i) {
    const std::string where = fmt::format("{}[{}]", path, i);
    if (schema.element)
      check({context.causes, context.depth + 1}, *schema.element, value[i], where);
    if (schema.list == ListKind::kAtomic && !limits.unique_items) continue;
    const Json key = schema.list == ListKind::kMap && schema.element
                         ? key_of(*schema.element, schema.list_keys, value[i])
                         : value[i];
    if (!seen.insert(key.dump()).second) {
      context.add(where, "FieldValueDuplicate", "Duplicate value: " + key.dump());
    }
  }
}

void check_members(const Context& context, const Schema& schema, const Json& value,
                   const std::string& path) {
  const Limits& limits = schema.limits;
  if (limits.min_properties && value.size() < *limits.min_properties) {
    context.invalid(path, Json(value.size()),
                    fmt::format("should have at least {} properties", *limits.min_properties));
  }
  if (limits.max_properties && value.size() > *limits.max_properties) {
    context.add(path, "FieldValueTooMany",
                fmt::format("Too many: {}: must have at most {} items", value.size(),
                            *limits.max_properties));
  }
  for (const std::string& name : schema.required) {
    if (value.contains(name)) continue;
    context.add(path.empty() ? name : path + "." + name, "FieldValueRequired", "Required value");
  }
  for (const auto& item : value.items()) {
    const Schema* field = schema.member(item.key());
    if (field == nullptr) continue;
    check({context.causes, context.depth + 1}, *field, item.value(),
          path.empty() ? item.key() : path + "." + item.key());
  }
}

bool passes(const Schema& schema, const Json& value, int depth) {
  std::vector<Cause> causes;
  check({causes, depth + 1}, schema, value, "");
  return causes.empty();
}

void check_logic(const Context& context, const Schema& schema, const Json& value,
                 const std::string& path) {
  for (const SchemaPtr& part : schema.all_of) {
    check({context.causes, context.depth + 1}, *part, value, path);
  }
  auto matching = [&](const std::vector<SchemaPtr>& parts) {
    return std::count_if(parts.begin(), parts.end(),
                         [&](const SchemaPtr& p) { return passes(*p, value, context.depth); });
  };
  if (!schema.any_of.empty() && matching(schema.any_of) == 0) {
    context.invalid(path, value, "must validate at least one schema (anyOf)");
  }
  if (!schema.one_of.empty() && matching(schema.one_of) != 1) {
    context.invalid(path, value, "must validate one and only one schema (oneOf)");
  }
  if (schema.not_schema && passes(*schema.not_schema, value, context.depth)) {
    context.invalid(path, value, "must not validate the schema (not)");
  }
}

void check(const Context& context, const Schema& schema, const Json& value,
           const std::string& path) {
  if (context.depth > kMaxDepth) {
    context.invalid(path, "...", "nested too deeply");
    return;
  }
  if (value.is_null() && (schema.nullable || schema.builtin)) return;
  if (!shape_matches(schema, value)) {
    context.add(path, "FieldValueTypeInvalid",
                fmt::format("Invalid value: \"{}\": {} in body must be of type {}: \"{}\"",
                            value.type_name(), path.empty() ? "value" : path,
                            shape_name(schema.shape), value.type_name()));
    return;
  }
  const std::vector<Json>& allowed = schema.limits.values;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    std::string list;
    for (const Json& item : allowed) list += (list.empty() ? "" : ", ") + item.dump();
    context.add(path, "FieldValueNotSupported",
                fmt::format("Unsupported value: {}: supported values: {}", value.dump(), list));
  }
  if (value.is_number()) check_number(context, schema, value, path);
  if (value.is_string()) check_string(context, schema, value, path);
  if (value.is_array()) check_list(context, schema, value, path);
  if (value.is_object()) check_members(context, schema, value, path);
  check_logic(context, schema, value, path);
}

}  // namespace

void validate(const Schema& schema, const Json& value, std::vector<Cause>& causes) {
  check({causes, 0}, schema, value, "");
}

}  // namespace natrix::memory_api
