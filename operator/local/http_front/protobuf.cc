#include "operator/local/http_front/protobuf.h"

#include <fmt/format.h>

#include "operator/model/base64.h"

namespace natrix::http_front {

using kube::Json;

namespace {

constexpr std::string_view kMagic("k8s\0", 4);

enum class Type : uint8_t { kString, kBytes, kBool, kInteger, kStringMap, kBytesMap, kMessage };

struct Field {
  uint64_t number;
  const char* name;
  Type type;
  const Field* message = nullptr;  // kMessage; ends with number 0
  bool repeated = false;
};

constexpr Field kEnd{0, nullptr, Type::kString};

constexpr Field kOwnerReference[] = {{1, "kind", Type::kString},
                                     {3, "name", Type::kString},
                                     {4, "uid", Type::kString},
                                     {5, "apiVersion", Type::kString},
                                     {6, "controller", Type::kBool},
                                     {7, "blockOwnerDeletion", Type::kBool},
                                     kEnd};

constexpr Field kMetadata[] = {{1, "name", Type::kString},
                               {2, "generateName", Type::kString},
                               {3, "namespace", Type::kString},
                               {5, "uid", Type::kString},
                               {6, "resourceVersion", Type::kString},
                               {11, "labels", Type::kStringMap},
                               {12, "annotations", Type::kStringMap},
                               {13, "ownerReferences", Type::kMessage, kOwnerReference, true},
                               {14, "finalizers", Type::kString, nullptr, true},
                               kEnd};

constexpr Field kConfigMap[] = {{1, "metadata", Type::kMessage, kMetadata},
                                {2, "data", Type::kStringMap},
                                {3, "binaryData", Type::kBytesMap},
                                {4, "immutable", Type::kBool},
                                kEnd};
constexpr Field kSecret[] = {{1, "metadata", Type::kMessage, kMetadata},
                             {2, "data", Type::kBytesMap},
                             {3, "type", Type::kString},
                             {4, "stringData", Type::kStringMap},
                             {5, "immutable", Type::kBool},
                             kEnd};
constexpr Field kNamespace[] = {{1, "metadata", Type::kMessage, kMetadata}, kEnd};
constexpr Field kServiceAccount[] = {{1, "metadata", Type::kMessage, kMetadata},
                                     {4, "automountServiceAccountToken", Type::kBool},
                                     kEnd};
constexpr Field kTypeMeta[] = {{1, "apiVersion", Type::kString}, {2, "kind", Type::kString}, kEnd};
constexpr Field kUnknown[] = {
    {1, "typeMeta", Type::kMessage, kTypeMeta}, {2, "raw", Type::kBytes}, kEnd};
constexpr Field kMapEntry[] = {{1, "key", Type::kString}, {2, "value", Type::kString}, kEnd};

const Field* find_field(const Field* fields, uint64_t number) {
  for (; fields->number != 0; ++fields) {
    if (fields->number == number) return fields;
  }
  return nullptr;
}

// Reads the wire format: varints and length-delimited fields; fixed ones are passed over.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }

  bool next(uint64_t& number, uint64_t& value, std::string_view& bytes) {
    uint64_t key = 0;
    if (!varint(key)) return false;
    number = key >> 3;
    switch (key & 7) {
      case 0:
        return varint(value);
      case 1:
        return skip(8);
      case 2:
        return varint(value) && take(value, bytes);
      case 5:
        return skip(4);
      default:
        return false;
    }
  }

 private:
  bool varint(uint64_t& out) {
    out = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      out |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }
  bool take(uint64_t size, std::string_view& out) {
    if (size > rest_.size()) return false;
    out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  bool skip(uint64_t size) {
    std::string_view ignored;
    return take(size, ignored);
  }

  std::string_view rest_;
};

bool parse(std::string_view bytes, const Field* fields, Json& out);

bool parse_entry(std::string_view bytes, bool binary, Json& map) {
  Json entry = Json::object();
  if (!parse(bytes, kMapEntry, entry)) return false;
  const std::string value = entry.value("value", "");
  map[entry.value("key", "")] = binary ? model::base64_encode(value) : value;
  return true;
}

bool parse_value(const Field& field, uint64_t number, std::string_view bytes, Json& out) {
  switch (field.type) {
    case Type::kString:
    case Type::kBytes:
      out = std::string(bytes);
      return true;
    case Type::kBool:
      out = number != 0;
      return true;
    case Type::kInteger:
      out = static_cast<int64_t>(number);
      return true;
    case Type::kStringMap:
    case Type::kBytesMap:
      return parse_entry(bytes, field.type == Type::kBytesMap, out);
    case Type::kMessage:
      out = Json::object();
      return parse(bytes, field.message, out);
  }
  return false;
}

// Empty strings are what protobuf writes for absent ones.
bool parse(std::string_view bytes, const Field* fields, Json& out) {
  Reader reader(bytes);
  while (!reader.done()) {
    uint64_t number = 0;
    uint64_t value = 0;
    std::string_view content;
    if (!reader.next(number, value, content)) return false;
    const Field* field = find_field(fields, number);
    if (field == nullptr) continue;
    if (field->repeated) {
      Json item;
      if (!parse_value(*field, value, content, item)) return false;
      out[field->name].push_back(std::move(item));
      continue;
    }
    const bool map = field->type == Type::kStringMap || field->type == Type::kBytesMap;
    if (!map && field->type == Type::kString && content.empty()) continue;
    if (!parse_value(*field, value, content, out[field->name])) return false;
  }
  return true;
}

const Field* fields_of(const std::string& api_version, const std::string& kind) {
  if (api_version != "v1") return nullptr;
  if (kind == "ConfigMap") return kConfigMap;
  if (kind == "Secret") return kSecret;
  if (kind == "Namespace") return kNamespace;
  if (kind == "ServiceAccount") return kServiceAccount;
  return nullptr;
}

}  // namespace

Result<Json> parse_protobuf(std::string_view body) {
  Json envelope = Json::object();
  if (!body.starts_with(kMagic) || !parse(body.substr(kMagic.size()), kUnknown, envelope) ||
      !envelope.contains("raw")) {
    return fail("the body is not a Kubernetes protobuf message");
  }
  const Json type = envelope.value("typeMeta", Json::object());
  const std::string api_version = type.value("apiVersion", "");
  const std::string kind = type.value("kind", "");
  const Field* fields = fields_of(api_version, kind);
  if (fields == nullptr) {
    return fail(
        fmt::format("{} {} is not understood in protobuf form; append --dry-run=client -o "
                    "yaml to the command and pipe it into kubectl apply -f -",
                    api_version, kind));
  }
  Json out = {{"apiVersion", api_version}, {"kind", kind}};
  const std::string raw = envelope.value("raw", "");
  if (!parse(raw, fields, out)) return fail(fmt::format("malformed {} in protobuf form", kind));
  return out;
}

}  // namespace natrix::http_front
