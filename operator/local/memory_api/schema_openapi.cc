// Between Schema and the OpenAPI v3 form that CustomResourceDefinitions and kubectl use.
#include "operator/local/memory_api/json_util.h"
#include "operator/local/memory_api/schema.h"

namespace natrix::memory_api {

namespace {

constexpr int kMaxDepth = 60;

using Parsed = Result<std::shared_ptr<Schema>>;

Parsed parse(const Json& openapi, const std::string& path, int depth, bool structural);

void read_number(const Json& openapi, const char* key, std::optional<double>& out) {
  if (const auto it = openapi.find(key); it != openapi.end() && it->is_number()) {
    out = it->get<double>();
  }
}

void read_size(const Json& openapi, const char* key, std::optional<size_t>& out) {
  if (const auto it = openapi.find(key); it != openapi.end() && it->is_number_unsigned()) {
    out = it->get<size_t>();
  }
}

void read_limits(const Json& openapi, Limits& limits) {
  read_number(openapi, "minimum", limits.minimum);
  read_number(openapi, "maximum", limits.maximum);
  read_number(openapi, "multipleOf", limits.multiple_of);
  limits.exclusive_minimum = openapi.value("exclusiveMinimum", false);
  limits.exclusive_maximum = openapi.value("exclusiveMaximum", false);
  read_size(openapi, "minLength", limits.min_length);
  read_size(openapi, "maxLength", limits.max_length);
  read_size(openapi, "minItems", limits.min_items);
  read_size(openapi, "maxItems", limits.max_items);
  read_size(openapi, "minProperties", limits.min_properties);
  read_size(openapi, "maxProperties", limits.max_properties);
  limits.pattern = openapi.value("pattern", "");
  limits.unique_items = openapi.value("uniqueItems", false);
  if (openapi.contains("enum")) limits.values = openapi["enum"].get<std::vector<Json>>();
}

Result<void> read_list(const Json& openapi, Schema& schema, const std::string& path, int depth) {
  schema.shape = Shape::kList;
  const std::string kind = openapi.value("x-kubernetes-list-type", "atomic");
  schema.list = kind == "map" ? ListKind::kMap : kind == "set" ? ListKind::kSet : ListKind::kAtomic;
  if (openapi.contains("x-kubernetes-list-map-keys")) {
    schema.list_keys = openapi["x-kubernetes-list-map-keys"].get<std::vector<std::string>>();
  }
  if (schema.list == ListKind::kMap && schema.list_keys.empty()) {
    return fail(path + ": x-kubernetes-list-type map needs x-kubernetes-list-map-keys");
  }
  if (!openapi.contains("items")) return fail(path + ": items: Required value");
  Parsed element = parse(openapi["items"], path + ".items", depth + 1, true);
  if (!element) return fail(element.error().message);
  schema.element = *element;
  return {};
}

Result<void> read_object(const Json& openapi, Schema& schema, const std::string& path, int depth) {
  schema.shape = Shape::kObject;
  schema.atomic = openapi.value("x-kubernetes-map-type", "granular") == "atomic";
  schema.embedded = openapi.value("x-kubernetes-embedded-resource", false);
  if (const auto it = openapi.find("additionalProperties");
      it != openapi.end() && !openapi.contains("properties")) {
    schema.shape = Shape::kMap;
    if (!it->is_object()) {
      auto any = std::make_shared<Schema>();
      any->preserve_unknown = true;
      schema.element = any;
      return {};
    }
    Parsed element = parse(*it, path + ".additionalProperties", depth + 1, true);
    if (!element) return fail(element.error().message);
    schema.element = *element;
    return {};
  }
  for (const auto& item : member(openapi, {"properties"}).items()) {
    Parsed field = parse(item.value(), path + "." + item.key(), depth + 1, true);
    if (!field) return fail(field.error().message);
    schema.fields.emplace_back(item.key(), *field);
  }
  return {};
}

Result<void> read_shape(const Json& openapi, Schema& schema, const std::string& path, int depth,
                        bool structural) {
  if (openapi.value("x-kubernetes-int-or-string", false)) {
    schema.shape = Shape::kIntOrString;
    return {};
  }
  const std::string type = openapi.value("type", "");
  if (type == "object") return read_object(openapi, schema, path, depth);
  if (type == "array") return read_list(openapi, schema, path, depth);
  if (type == "string") {
    schema.shape = Shape::kString;
  } else if (type == "integer") {
    schema.shape = Shape::kInteger;
  } else if (type == "number") {
    schema.shape = Shape::kNumber;
  } else if (type == "boolean") {
    schema.shape = Shape::kBoolean;
  } else if (!type.empty()) {
    return fail(fmt::format("{}.type: Unsupported value: \"{}\"", path, type));
  } else if (structural && !schema.preserve_unknown) {
    return fail(path + ".type: Required value: must not be empty for specified object fields");
  } else if (openapi.contains("properties") || openapi.contains("required")) {
    return read_object(openapi, schema, path, depth);  // inside allOf, anyOf, oneOf, not
  }
  return {};
}

Result<void> read_parts(const Json& openapi, const char* key, std::vector<SchemaPtr>& out,
                        const std::string& path, int depth) {
  const auto it = openapi.find(key);
  if (it == openapi.end() || !it->is_array()) return {};
  for (const Json& part : *it) {
    Parsed parsed = parse(part, path + "." + key, depth + 1, false);
    if (!parsed) return fail(parsed.error().message);
    // Values not described by a part are not its business.
    (*parsed)->preserve_unknown = true;
    out.emplace_back(*parsed);
  }
  return {};
}

Parsed parse(const Json& openapi, const std::string& path, int depth, bool structural) {
  if (!openapi.is_object()) return fail(path + ": must be an object");
  if (depth > kMaxDepth) return fail(path + ": nested too deeply");
  auto schema = std::make_shared<Schema>();
  schema->preserve_unknown = openapi.value("x-kubernetes-preserve-unknown-fields", false);
  schema->nullable = openapi.value("nullable", false);
  schema->format = openapi.value("format", "");
  schema->description = openapi.value("description", "");
  if (openapi.contains("default")) schema->default_value = openapi["default"];
  if (openapi.contains("required")) {
    schema->required = openapi["required"].get<std::vector<std::string>>();
  }
  if (openapi.contains("x-kubernetes-validations")) {
    schema->validations = openapi["x-kubernetes-validations"];
  }
  read_limits(openapi, schema->limits);
  if (Result<void> done = read_shape(openapi, *schema, path, depth, structural); !done) {
    return fail(done.error().message);
  }
  for (auto& [key, parts] : {std::pair{"allOf", &schema->all_of},
                             {"anyOf", &schema->any_of},
                             {"oneOf", &schema->one_of}}) {
    // int-or-string is spelled with anyOf; the shape says it already.
    if (schema->shape == Shape::kIntOrString) break;
    if (Result<void> done = read_parts(openapi, key, *parts, path, depth); !done) {
      return fail(done.error().message);
    }
  }
  if (openapi.contains("not")) {
    Parsed parsed = parse(openapi["not"], path + ".not", depth + 1, false);
    if (!parsed) return parsed;
    schema->not_schema = *parsed;
  }
  return schema;
}

void write_type(const Schema& schema, Json& out) {
  switch (schema.shape) {
    case Shape::kObject:
    case Shape::kMap:
      out["type"] = "object";
      break;
    case Shape::kList:
      out["type"] = "array";
      break;
    case Shape::kString:
      out["type"] = "string";
      break;
    case Shape::kInteger:
      out["type"] = "integer";
      break;
    case Shape::kNumber:
      out["type"] = "number";
      break;
    case Shape::kBoolean:
      out["type"] = "boolean";
      break;
    case Shape::kIntOrString:
      out["x-kubernetes-int-or-string"] = true;
      break;
    case Shape::kAny:
      break;
  }
}

void write_list(const Schema& schema, Json& out) {
  static constexpr const char* kKinds[] = {"atomic", "set", "map"};
  out["x-kubernetes-list-type"] = kKinds[static_cast<size_t>(schema.list)];
  if (schema.list == ListKind::kMap) {
    out["x-kubernetes-list-map-keys"] = schema.list_keys;
    if (schema.builtin) {
      out["x-kubernetes-patch-strategy"] = "merge";
      out["x-kubernetes-patch-merge-key"] = schema.list_keys.front();
    }
  }
}

Json write(const Schema& schema, int depth) {
  Json out = Json::object();
  if (depth > kMaxDepth) return out;
  write_type(schema, out);
  if (!schema.format.empty()) out["format"] = schema.format;
  if (!schema.description.empty()) out["description"] = schema.description;
  if (schema.default_value) out["default"] = *schema.default_value;
  if (schema.nullable) out["nullable"] = true;
  if (schema.atomic) out["x-kubernetes-map-type"] = "atomic";
  if (schema.preserve_unknown) out["x-kubernetes-preserve-unknown-fields"] = true;
  if (!schema.required.empty()) out["required"] = schema.required;
  if (!schema.limits.values.empty()) out["enum"] = schema.limits.values;
  if (schema.shape == Shape::kList) write_list(schema, out);
  if (schema.element) {
    out[schema.shape == Shape::kList ? "items" : "additionalProperties"] =
        write(*schema.element, depth + 1);
  }
  for (const auto& [name, field] : schema.fields) {
    out["properties"][name] = write(*field, depth + 1);
  }
  return out;
}

}  // namespace

Result<SchemaPtr> schema_from_openapi(const Json& openapi) {
  try {
    Parsed parsed = parse(openapi, "openAPIV3Schema", 0, true);
    if (!parsed) return fail(parsed.error().message);
    return SchemaPtr(*parsed);
  } catch (const Json::exception& error) {
    return fail(fmt::format("openAPIV3Schema: {}", error.what()));
  }
}

Json schema_to_openapi(const Schema& schema) {
  return write(schema, 0);
}

}  // namespace natrix::memory_api
