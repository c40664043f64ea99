// The walk that completes and checks an object against its schema.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "operator/model/schema.h"
#include "operator/model/text.h"

namespace natrix::model {

namespace {

std::string member(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

// Long values would drown the message they are quoted in.
std::string quoted(const Json& value) {
  constexpr size_t kShown = 80;
  return shortened(value.dump(-1, ' ', false, Json::error_handler_t::replace), kShown);
}

const Json* old_member(const Json* old_value, const std::string& name) {
  if (old_value == nullptr || !old_value->is_object()) return nullptr;
  const auto found = old_value->find(name);
  return found == old_value->end() ? nullptr : &*found;
}

}  // namespace

struct Schema::Check {
  std::vector<FieldError> errors;

  void add(const std::string& path, std::string message) {
    if (errors.size() < kMaxErrors) errors.push_back({path, std::move(message)});
  }
  void wrong_type(const std::string& path, const Json& value, std::string_view wanted) {
    add(path, fmt::format("must be {}, not {}", wanted, quoted(value)));
  }

  void value(const Schema& schema, Json& json, const Json* old_value, const std::string& path);
  void object(const Schema& schema, Json& json, const Json* old_value, const std::string& path);
  void map(const Schema& schema, Json& json, const Json* old_value, const std::string& path);
  void array(const Schema& schema, Json& json, const std::string& path);
  void string(const Schema& schema, const Json& json, const std::string& path);
  void integer(const Schema& schema, const Json& json, const std::string& path);
  void count(const Schema& schema, size_t number, std::string_view what, const std::string& path);
  void duplicates(const Schema& schema, const Json& json, const std::string& path);
};

void Schema::Check::count(const Schema& schema, size_t number, std::string_view what,
                          const std::string& path) {
  const auto have = static_cast<int64_t>(number);
  if (schema.minimum_ && have < *schema.minimum_) {
    add(path, fmt::format("must have at least {} {}, has {}", *schema.minimum_, what, have));
  }
  if (schema.maximum_ && have > *schema.maximum_) {
    add(path, fmt::format("must have at most {} {}, has {}", *schema.maximum_, what, have));
  }
}

void Schema::Check::string(const Schema& schema, const Json& json, const std::string& path) {
  const std::string& text = json.get_ref<const std::string&>();
  const size_t before = errors.size();
  count(schema, text.size(), "characters", path);
  // Never hand an over-long text to the recursive std::regex.
  if (errors.size() != before) return;
  if (!schema.values_.empty() &&
      std::find(schema.values_.begin(), schema.values_.end(), text) == schema.values_.end()) {
    add(path,
        fmt::format("must be one of {}, not {}", fmt::join(schema.values_, ", "), quoted(json)));
  }
  if (schema.regex_ && !std::regex_search(text, *schema.regex_)) {
    add(path, fmt::format("must be {}, not {}", schema.hint_, quoted(json)));
  }
}

void Schema::Check::integer(const Schema& schema, const Json& json, const std::string& path) {
  const bool too_big = json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX;
  const int64_t number = too_big ? INT64_MAX : json.get<int64_t>();
  if (schema.minimum_ && number < *schema.minimum_) {
    add(path, fmt::format("must be at least {}, not {}", *schema.minimum_, quoted(json)));
  }
  if (too_big || (schema.maximum_ && number > *schema.maximum_)) {
    add(path, fmt::format("must be at most {}, not {}", schema.maximum_.value_or(INT64_MAX),
                          quoted(json)));
  }
}

void Schema::Check::object(const Schema& schema, Json& json, const Json* old_value,
                           const std::string& path) {
  for (auto it = json.begin(); it != json.end();) {
    if (it->is_null()) {
      it = json.erase(it);
      continue;
    }
    const auto known = std::find_if(schema.fields_.begin(), schema.fields_.end(),
                                    [&](const Field& field) { return field.name == it.key(); });
    if (known == schema.fields_.end()) {
      std::vector<std::string> names;
      for (const Field& field : schema.fields_) names.push_back(field.name);
      add(member(path, it.key()),
          fmt::format("unknown field; known here: {}", fmt::join(names, ", ")));
    }
    ++it;
  }
  for (const Field& field : schema.fields_) {
    auto found = json.find(field.name);
    if (found == json.end() && field.schema.default_) {
      json[field.name] = *field.schema.default_;
      found = json.find(field.name);
    }
    if (found != json.end()) {
      value(field.schema, *found, old_member(old_value, field.name), member(path, field.name));
    } else if (field.required) {
      add(member(path, field.name), "is required");
    }
  }
}

void Schema::Check::map(const Schema& schema, Json& json, const Json* old_value,
                        const std::string& path) {
  count(schema, json.size(), "entries", path);
  for (auto& [key, item] : json.items()) {
    value(*schema.element_, item, old_member(old_value, key), member(path, key));
  }
}

void Schema::Check::duplicates(const Schema& schema, const Json& json, const std::string& path) {
  std::set<std::string> seen;
  for (size_t i = 0; i < json.size(); ++i) {
    Json key = Json::array();
    if (schema.list_keys_.empty()) key.push_back(json[i]);
    for (const std::string& name : schema.list_keys_) key.push_back(json[i].value(name, Json()));
    if (!seen.insert(key.dump()).second) {
      add(fmt::format("{}[{}]", path, i), fmt::format("is there twice: {}", quoted(json[i])));
    }
  }
}

void Schema::Check::array(const Schema& schema, Json& json, const std::string& path) {
  const size_t before = errors.size();
  count(schema, json.size(), "items", path);
  for (size_t i = 0; i < json.size() && errors.size() < kMaxErrors; ++i) {
    // Items have no identity across versions of the object: rules about changes stop here.
    value(*schema.element_, json[i], nullptr, fmt::format("{}[{}]", path, i));
  }
  if (schema.list_type_ != "atomic" && errors.size() == before) duplicates(schema, json, path);
}

void Schema::Check::value(const Schema& schema, Json& json, const Json* old_value,
                          const std::string& path) {
  const size_t before = errors.size();
  switch (schema.type_) {
    case Type::kObject:
      if (!json.is_object()) return wrong_type(path, json, "an object");
      object(schema, json, old_value, path);
      break;
    case Type::kMap:
      if (!json.is_object()) return wrong_type(path, json, "an object");
      map(schema, json, old_value, path);
      break;
    case Type::kAny:
      if (!json.is_object()) return wrong_type(path, json, "an object");
      break;
    case Type::kArray:
      if (!json.is_array()) return wrong_type(path, json, "a list");
      array(schema, json, path);
      break;
    case Type::kString:
      if (!json.is_string()) return wrong_type(path, json, "a string");
      string(schema, json, path);
      break;
    case Type::kInteger:
      if (!json.is_number_integer()) return wrong_type(path, json, "an integer");
      integer(schema, json, path);
      break;
    case Type::kBoolean:
      if (!json.is_boolean()) return wrong_type(path, json, "true or false");
      break;
    case Type::kIntOrString:
      if (json.is_string()) {
        string(schema, json, path);
      } else if (!json.is_number_integer()) {
        return wrong_type(path, json, "an integer or a string");
      }
      break;
  }
  if (errors.size() != before) return;  // rules may assume the right types
  for (const Rule& rule : schema.rules_) {
    if (!rule.holds(json, old_value)) add(path, rule.message);
  }
  if (!schema.verify_) return;
  for (FieldError& error : schema.verify_(json, path)) add(error.path, std::move(error.message));
}

std::vector<FieldError> Schema::complete(Json& value, const Json* old_value,
                                         const std::string& path) const {
  Check check;
  check.value(*this, value, old_value, path);
  return std::move(check.errors);
}

}  // namespace natrix::model
