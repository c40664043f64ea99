#include "operator/local/http_front/openapi_v2.h"

#include <fmt/format.h>

#include "operator/local/http_front/openapi.h"

namespace natrix::http_front {

using kube::Json;

namespace {

// Fields of the messages of OpenAPIv2.proto that are written here.
namespace document {
constexpr unsigned kSwagger = 1, kInfo = 2, kPaths = 8, kDefinitions = 9;
}
namespace info {
constexpr unsigned kTitle = 1, kVersion = 2;
}
namespace schema {
constexpr unsigned kFormat = 2, kDescription = 4, kRequired = 19, kAdditionalProperties = 21,
                   kType = 22, kItems = 23, kProperties = 25, kVendorExtension = 31;
}
namespace path_item {
constexpr unsigned kPatch = 8;
}
namespace operation {
constexpr unsigned kParameters = 8, kVendorExtension = 13;
}
namespace parameter {
constexpr unsigned kNonBody = 2, kQuery = 3, kIn = 2, kQueryName = 4;
}
constexpr unsigned kPath = 2;  // of Paths

// NamedSchema, NamedPathItem and NamedAny; Definitions, Properties, ItemsItem, TypeItem and
// AdditionalPropertiesItem have one field, number 1, that matters here.
constexpr unsigned kName = 1, kValue = 2, kOnly = 1, kAnyYaml = 2;

void varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// Strings and messages: both are a length and bytes.
void put(std::string& out, unsigned field, std::string_view bytes) {
  varint(out, field << 3 | 2);
  varint(out, bytes.size());
  out.append(bytes);
}

std::string wrap(unsigned field, std::string_view bytes) {
  std::string out;
  put(out, field, bytes);
  return out;
}

std::string named(std::string_view name, std::string_view value) {
  std::string out = wrap(kName, name);
  put(out, kValue, value);
  return out;
}

// A vendor extension; its value travels as YAML, of which JSON is a part.
void put_extension(std::string& out, unsigned field, std::string_view name, const Json& value) {
  put(out, field, named(name, wrap(kAnyYaml, value.dump())));
}

// `source` is what schema_to_openapi makes.
std::string encode_schema(const Json& source) {
  std::string out;
  if (auto format = source.find("format"); format != source.end()) {
    put(out, schema::kFormat, format->get<std::string>());
  }
  if (auto text = source.find("description"); text != source.end()) {
    put(out, schema::kDescription, text->get<std::string>());
  }
  for (const Json& name : source.value("required", Json::array())) {
    put(out, schema::kRequired, name.get<std::string>());
  }
  if (auto element = source.find("additionalProperties"); element != source.end()) {
    put(out, schema::kAdditionalProperties, wrap(kOnly, encode_schema(*element)));
  }
  if (auto type = source.find("type"); type != source.end()) {
    put(out, schema::kType, wrap(kOnly, type->get<std::string>()));
  }
  if (auto element = source.find("items"); element != source.end()) {
    put(out, schema::kItems, wrap(kOnly, encode_schema(*element)));
  }
  if (auto fields = source.find("properties"); fields != source.end()) {
    std::string properties;
    for (const auto& [name, field] : fields->items()) {
      put(properties, kOnly, named(name, encode_schema(field)));
    }
    put(out, schema::kProperties, properties);
  }
  for (const auto& [name, value] : source.items()) {
    if (name.starts_with("x-")) put_extension(out, schema::kVendorExtension, name, value);
  }
  return out;
}

// What kubectl looks for before it sends dryRun (`kubectl diff`): a PATCH that takes it.
std::string encode_path(const memory_api::TypeInfo& type) {
  std::string query = wrap(parameter::kIn, "query");
  put(query, parameter::kQueryName, "dryRun");
  std::string patch = wrap(operation::kParameters,
                           wrap(kOnly, wrap(parameter::kNonBody, wrap(parameter::kQuery, query))));
  put_extension(patch, operation::kVendorExtension, "x-kubernetes-group-version-kind",
                kind_extension(type));
  return named(object_path(type), wrap(path_item::kPatch, patch));
}

}  // namespace

std::string openapi_v2_document(const std::vector<TypePtr>& types) {
  std::string definitions, paths;
  for (const TypePtr& type : types) {
    put(paths, kPath, encode_path(*type));
    if (type->builtin) continue;
    put(definitions, kOnly, named(schema_name(*type), encode_schema(kind_schema(*type))));
  }
  std::string about = wrap(info::kTitle, "natrix-operator local");
  put(about, info::kVersion, "v1");
  std::string out = wrap(document::kSwagger, "2.0");
  put(out, document::kInfo, about);
  put(out, document::kPaths, paths);
  put(out, document::kDefinitions, definitions);
  return out;
}

}  // namespace natrix::http_front
