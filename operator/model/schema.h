// Schema: the one description of an object's shape. From it come the structural OpenAPI schema of
// the CustomResourceDefinition, the strict check of an object the operator was handed, and its
// default values, so the three cannot disagree.
//
// A Schema is built once at start-up by cluster_schema.cc and immutable afterwards: safe from any
// thread. Pure: no I/O, no clock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace natrix::model {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// What is wrong with one field; `path` is spelled as users write it: spec.config.nats.port.
struct FieldError {
  std::string path;
  std::string message;
  [[nodiscard]] std::string text() const { return path + ": " + message; }
};

// A rule over a value that a type cannot express. `cel` goes into the CRD as
// x-kubernetes-validations; `holds` is the same rule for API servers that do not evaluate CEL and
// for objects stored before the rule existed. An empty `cel` marks what CEL cannot say.
struct Rule {
  std::string cel;
  std::string message;
  // `old_value` is null on creation; a rule about changes holds then.
  std::function<bool(const Json& value, const Json* old_value)> holds;
};

// Findings inside a value that is handed through; `path` is where the value is.
using Verify = std::function<std::vector<FieldError>(const Json& value, const std::string& path)>;

class Schema {
 public:
  enum class Type : uint8_t {
    kObject,
    kMap,
    kArray,
    kString,
    kInteger,
    kBoolean,
    kIntOrString,
    kAny
  };

  struct Field;

  static Schema object(std::string description, std::vector<Field> fields);
  // String keys that the user chooses.
  static Schema map(std::string description, Schema value);
  static Schema array(std::string description, Schema item);
  static Schema string(std::string description);
  static Schema integer(std::string description, int64_t minimum, int64_t maximum);
  static Schema boolean(std::string description);
  // A number, or a string of the given form ("1Mi", "50%").
  static Schema int_or_string(std::string description);
  // A Kubernetes structure handed through unread: the API server checks it where it ends up.
  static Schema any_object(std::string description);

  // Modifiers, each returns the schema for chaining.
  Schema by_default(Json value) &&;
  Schema matching(std::string pattern, std::string hint) &&;
  Schema one_of(std::vector<std::string> values) &&;
  Schema length(int64_t minimum, int64_t maximum) &&;  // strings
  Schema items(int64_t minimum, int64_t maximum) &&;   // arrays and maps
  Schema list_map(std::vector<std::string> keys) &&;   // x-kubernetes-list-type: map
  Schema list_set() &&;
  Schema format(std::string name) &&;
  Schema rule(Rule rule) &&;
  // A check whose findings name places inside the value; guard only.
  Schema verified_by(Verify verify) &&;

  // The structural schema in OpenAPI v3 form.
  [[nodiscard]] OrderedJson openapi() const;

  // Fills in absent values that have a default, drops nulls, and checks everything. `value` is
  // complete and well formed when nothing was found. At most kMaxErrors are reported.
  [[nodiscard]] std::vector<FieldError> complete(Json& value, const Json* old_value,
                                                 const std::string& path) const;
  static constexpr size_t kMaxErrors = 20;

 private:
  explicit Schema(Type type, std::string description);

  struct Check;  // the walk of one complete()
  void openapi_limits(OrderedJson& out) const;
  void openapi_children(OrderedJson& out) const;

  Type type_;
  std::string description_;
  std::optional<Json> default_;
  std::vector<Field> fields_;
  std::shared_ptr<const Schema> element_;
  std::optional<int64_t> minimum_;  // value, length or number of items
  std::optional<int64_t> maximum_;
  std::string pattern_;
  std::shared_ptr<const std::regex> regex_;  // of pattern_, compiled once
  std::string hint_;
  std::string format_;
  std::vector<std::string> values_;
  std::string list_type_;
  std::vector<std::string> list_keys_;
  std::vector<Rule> rules_;
  Verify verify_;
};

struct Schema::Field {
  std::string name;
  Schema schema;
  bool required = false;
};

}  // namespace natrix::model
