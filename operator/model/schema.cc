#include "operator/model/schema.h"

#include "broker/base/assert.h"

namespace natrix::model {

Schema::Schema(Type type, std::string description)
    : type_(type), description_(std::move(description)) {}

Schema Schema::object(std::string description, std::vector<Field> fields) {
  Schema schema(Type::kObject, std::move(description));
  schema.fields_ = std::move(fields);
  return schema;
}

Schema Schema::map(std::string description, Schema value) {
  Schema schema(Type::kMap, std::move(description));
  schema.element_ = std::make_shared<const Schema>(std::move(value));
  return schema;
}

Schema Schema::array(std::string description, Schema item) {
  Schema schema(Type::kArray, std::move(description));
  schema.element_ = std::make_shared<const Schema>(std::move(item));
  schema.list_type_ = "atomic";
  return schema;
}

Schema Schema::string(std::string description) {
  return Schema(Type::kString, std::move(description));
}

Schema Schema::integer(std::string description, int64_t minimum, int64_t maximum) {
  Schema schema(Type::kInteger, std::move(description));
  schema.minimum_ = minimum;
  schema.maximum_ = maximum;
  return schema;
}

Schema Schema::boolean(std::string description) {
  return Schema(Type::kBoolean, std::move(description));
}

Schema Schema::int_or_string(std::string description) {
  return Schema(Type::kIntOrString, std::move(description));
}

Schema Schema::any_object(std::string description) {
  return Schema(Type::kAny, std::move(description));
}

Schema Schema::by_default(Json value) && {
  default_ = std::move(value);
  return std::move(*this);
}

Schema Schema::matching(std::string pattern, std::string hint) && {
  pattern_ = std::move(pattern);
  regex_ = std::make_shared<const std::regex>(pattern_);
  hint_ = std::move(hint);
  return std::move(*this);
}

Schema Schema::one_of(std::vector<std::string> values) && {
  values_ = std::move(values);
  return std::move(*this);
}

Schema Schema::length(int64_t minimum, int64_t maximum) && {
  minimum_ = minimum;
  maximum_ = maximum;
  return std::move(*this);
}

Schema Schema::items(int64_t minimum, int64_t maximum) && {
  minimum_ = minimum;
  maximum_ = maximum;
  return std::move(*this);
}

Schema Schema::list_map(std::vector<std::string> keys) && {
  list_type_ = "map";
  list_keys_ = std::move(keys);
  return std::move(*this);
}

Schema Schema::list_set() && {
  list_type_ = "set";
  return std::move(*this);
}

Schema Schema::format(std::string name) && {
  format_ = std::move(name);
  return std::move(*this);
}

Schema Schema::rule(Rule rule) && {
  rules_.push_back(std::move(rule));
  return std::move(*this);
}

Schema Schema::verified_by(Verify verify) && {
  verify_ = std::move(verify);
  return std::move(*this);
}

void Schema::openapi_limits(OrderedJson& out) const {
  struct Names {
    const char* low;
    const char* high;
  };
  const Names names = type_ == Type::kInteger ? Names{"minimum", "maximum"}
                      : type_ == Type::kArray ? Names{"minItems", "maxItems"}
                      : type_ == Type::kMap   ? Names{"minProperties", "maxProperties"}
                                              : Names{"minLength", "maxLength"};
  const bool zero_is_implied = type_ != Type::kInteger;
  // API servers keep bounds as floating point, and take 2^63 for a number below all others. What is
  // no bound is not written.
  const auto set = [&out](const char* name, int64_t bound) {
    if (bound != INT64_MIN && bound != INT64_MAX) out[name] = bound;
  };
  if (minimum_ && !(zero_is_implied && *minimum_ == 0)) set(names.low, *minimum_);
  if (maximum_) set(names.high, *maximum_);
  if (!pattern_.empty()) out["pattern"] = pattern_;
  if (!format_.empty()) out["format"] = format_;
  if (!values_.empty()) out["enum"] = values_;
}

void Schema::openapi_children(OrderedJson& out) const {
  if (type_ == Type::kMap) out["additionalProperties"] = element_->openapi();
  if (type_ == Type::kArray) {
    out["items"] = element_->openapi();
    if (!list_keys_.empty()) out["x-kubernetes-list-map-keys"] = list_keys_;
    out["x-kubernetes-list-type"] = list_type_;
  }
  if (type_ != Type::kObject) return;
  OrderedJson required = OrderedJson::array();
  OrderedJson properties = OrderedJson::object();
  for (const Field& field : fields_) {
    properties[field.name] = field.schema.openapi();
    if (field.required) required.push_back(field.name);
  }
  out["properties"] = std::move(properties);
  if (!required.empty()) out["required"] = std::move(required);
}

OrderedJson Schema::openapi() const {
  OrderedJson out;
  if (!description_.empty()) out["description"] = description_;
  switch (type_) {
    case Type::kObject:
    case Type::kMap:
    case Type::kAny:
      out["type"] = "object";
      break;
    case Type::kArray:
      out["type"] = "array";
      break;
    case Type::kString:
      out["type"] = "string";
      break;
    case Type::kInteger:
      out["type"] = "integer";
      out["format"] = maximum_ && *maximum_ <= INT32_MAX ? "int32" : "int64";
      break;
    case Type::kBoolean:
      out["type"] = "boolean";
      break;
    case Type::kIntOrString:
      out["anyOf"] = OrderedJson::array({{{"type", "integer"}}, {{"type", "string"}}});
      out["x-kubernetes-int-or-string"] = true;
      break;
  }
  if (type_ == Type::kAny) out["x-kubernetes-preserve-unknown-fields"] = true;
  if (default_) {
    // API servers hold a default against the rules before they fill in the defaults within it.
    Json whole = *default_;
    const auto errors = complete(whole, nullptr, "");
    NATRIX_ASSERT(errors.empty(), "a default satisfies its own schema");
    out["default"] = OrderedJson::parse(whole.dump());
  }
  openapi_limits(out);
  openapi_children(out);
  OrderedJson rules = OrderedJson::array();
  for (const Rule& rule : rules_) {
    if (rule.cel.empty()) continue;
    rules.push_back({{"rule", rule.cel}, {"message", rule.message}});
  }
  if (!rules.empty()) out["x-kubernetes-validations"] = std::move(rules);
  return out;
}

}  // namespace natrix::model
