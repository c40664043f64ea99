// Schema: what a kind of object looks like. One tree serves built-in kinds (written in the compact
// notation of builtin_schema.cc) and custom resources (read from the structural OpenAPI schema of
// a CustomResourceDefinition). It drives defaulting, pruning, validation, the list semantics of
// server-side apply and of strategic merge, and the OpenAPI pages that kubectl reads.
//
// Immutable once built and shared; safe from any thread. CEL rules (x-kubernetes-validations) are
// kept for display but not evaluated: the operator's own guard runs the same rules.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/result.h"
#include "operator/kube/api.h"

namespace natrix::memory_api {

using kube::Json;

struct Schema;
using SchemaPtr = std::shared_ptr<const Schema>;

enum class Shape : uint8_t {
  kAny,     // anything, kept as it is
  kObject,  // named fields, unknown ones are pruned
  kMap,     // any key, values of one schema
  kList,
  kString,
  kInteger,
  kNumber,
  kBoolean,
  kIntOrString,
};

enum class ListKind : uint8_t { kAtomic, kSet, kMap };

// What a value must satisfy beyond its shape; all optional.
struct Limits {
  std::optional<double> minimum;
  std::optional<double> maximum;
  bool exclusive_minimum = false;
  bool exclusive_maximum = false;
  std::optional<size_t> min_length;
  std::optional<size_t> max_length;
  std::optional<size_t> min_items;
  std::optional<size_t> max_items;
  std::optional<size_t> min_properties;
  std::optional<size_t> max_properties;
  std::optional<double> multiple_of;
  std::string pattern;
  std::vector<Json> values;  // enum
  bool unique_items = false;
};

struct Schema {
  Shape shape = Shape::kAny;
  std::string type_name;  // built-in: name in the notation, e.g. "PodSpec"
  std::string format;     // "quantity", "date-time", "int32", ...
  std::string description;
  std::vector<std::pair<std::string, SchemaPtr>> fields;  // kObject
  std::vector<std::string> required;
  SchemaPtr element;  // kList, kMap
  ListKind list = ListKind::kAtomic;
  std::vector<std::string> list_keys;  // kMap lists; the first one is the strategic merge key
  bool atomic = false;                 // objects and maps replaced as a whole by apply
  bool nullable = false;
  bool preserve_unknown = false;
  bool embedded = false;  // x-kubernetes-embedded-resource
  bool builtin = false;   // decoded like a Go struct: wrong types are 400, quantities canonical
  std::optional<Json> default_value;
  Limits limits;
  std::vector<SchemaPtr> all_of;
  std::vector<SchemaPtr> any_of;
  std::vector<SchemaPtr> one_of;
  SchemaPtr not_schema;
  Json validations;  // x-kubernetes-validations, not evaluated

  // The schema of a member, nullptr when the object has no such field. Works for objects and maps.
  [[nodiscard]] const Schema* member(std::string_view name) const;
  [[nodiscard]] bool granular() const {
    return !atomic && (shape == Shape::kObject || shape == Shape::kMap);
  }
};

// One finding of validation, in the words of an API server.
struct Cause {
  std::string field;    // "spec.replicas"
  std::string reason;   // FieldValueInvalid, FieldValueRequired, ...
  std::string message;  // "Invalid value: -1: should be greater than or equal to 0"
};

// Reads the openAPIV3Schema of one version of a CustomResourceDefinition. The error names the path
// of what is not structural.
Result<SchemaPtr> schema_from_openapi(const Json& openapi);

// The same tree as OpenAPI v3, for kubectl explain and for tests.
Json schema_to_openapi(const Schema& schema);

// Fills in defaults, outermost first, as the API server does on every read and write.
void apply_defaults(const Schema& schema, Json& value);

// Removes what the schema does not know and reports the paths removed (metadata at the root and in
// embedded resources is not touched).
void prune(const Schema& schema, Json& value, std::vector<std::string>& unknown);

// Types, required fields and limits. Stops at 50 causes.
void validate(const Schema& schema, const Json& value, std::vector<Cause>& causes);

// Built-in kinds: rewrites quantities into canonical form ("1024Mi" to "1Gi").
void canonicalize(const Schema& schema, Json& value);

// "1500m", "10Gi", "1e3" ...; the error says what is wrong.
Result<std::string> canonical_quantity(std::string_view text);
// The value in units (bytes, cores), rounded up.
Result<double> quantity_value(std::string_view text);

}  // namespace natrix::memory_api
