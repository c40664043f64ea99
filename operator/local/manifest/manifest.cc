#include "operator/local/manifest/manifest.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>

namespace natrix::manifest {

namespace {

constexpr size_t kMaxNodes = 500000;
constexpr int kMaxDepth = 100;
constexpr size_t kMaxFileBytes = 16UL * 1024 * 1024;

std::string place(const YAML::Mark& mark) {
  return fmt::format("line {}, column {}", mark.line + 1, mark.column + 1);
}

std::optional<Json> as_word(const std::string& text) {
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  // Only the spellings of YAML 1.1: lower, upper or capitalised.
  std::string capitalised = lower;
  std::string upper = lower;
  if (!lower.empty()) {
    capitalised[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(lower[0])));
  }
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (text != lower && text != upper && text != capitalised) return std::nullopt;
  if (lower.empty() || lower == "~" || lower == "null") return Json();
  if (lower == "true" || lower == "yes" || lower == "on" || lower == "y") {
    return Json(true);
  }
  if (lower == "false" || lower == "no" || lower == "off" || lower == "n") {
    return Json(false);
  }
  return std::nullopt;
}

// 12, -12, 0x1f, 0o17, 017, 0b11, with _ between digits.
std::optional<Json> as_integer(std::string text) {
  std::erase(text, '_');
  const bool negative = text.starts_with('-');
  std::string_view digits = text;
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  for (const auto& [prefix, radix] : {std::pair{"0x", 16}, {"0o", 8}, {"0b", 2}}) {
    if (!digits.starts_with(prefix)) continue;
    base = radix;
    digits.remove_prefix(2);
  }
  if (base == 10 && digits.size() > 1 && digits.front() == '0') base = 8;
  if (digits.empty()) return std::nullopt;
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (!negative) return value > INT64_MAX ? Json(value) : Json(static_cast<int64_t>(value));
  if (value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  return Json(-static_cast<int64_t>(value));
}

std::optional<Json> as_float(const std::string& text) {
  if (text.find_first_not_of("0123456789+-.eE") != std::string::npos) return std::nullopt;
  if (text.find_first_of("0123456789") == std::string::npos) return std::nullopt;
  const std::string_view digits = std::string_view(text).substr(text.starts_with('+') ? 1 : 0);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return Json(value);
}

Json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() != "?" && node.Tag() != "") return text;  // quoted, or a block
  if (std::optional<Json> word = as_word(text)) return *word;
  if (std::optional<Json> number = as_integer(text)) return *number;
  if (std::optional<Json> number = as_float(text)) return *number;
  return text;
}

class Converter {
 public:
  Result<Json> convert(const YAML::Node& node, int depth) {
    if (++nodes_ > kMaxNodes) return fail(place(node.Mark()) + ": the document is too large");
    if (depth > kMaxDepth) return fail(place(node.Mark()) + ": nested too deeply");
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Sequence:
        return sequence(node, depth);
      case YAML::NodeType::Map:
        return map(node, depth);
      default:
        return Json();
    }
  }

 private:
  Result<Json> sequence(const YAML::Node& node, int depth) {
    Json out = Json::array();
    for (const YAML::Node& item : node) {
      Result<Json> value = convert(item, depth + 1);
      if (!value) return value;
      out.push_back(std::move(*value));
    }
    return out;
  }

  Result<Json> map(const YAML::Node& node, int depth) {
    Json out = Json::object();
    Json merged = Json::object();
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return fail(place(entry.first.Mark()) + ": keys must be text");
      const std::string& key = entry.first.Scalar();
      Result<Json> value = convert(entry.second, depth + 1);
      if (!value) return value;
      if (key == "<<" && entry.first.Tag() == "?") {
        if (!merge_into(merged, *value)) {
          return fail(place(entry.first.Mark()) + ": << needs a map or a list of maps");
        }
        continue;
      }
      if (out.contains(key)) {
        return fail(fmt::format("{}: key \"{}\" twice in one map", place(entry.first.Mark()), key));
      }
      out[key] = std::move(*value);
    }
    for (const auto& item : merged.items()) {
      if (!out.contains(item.key())) out[item.key()] = item.value();
    }
    return out;
  }

  static bool merge_into(Json& merged, const Json& value) {
    const Json list = value.is_array() ? value : Json::array({value});
    for (const Json& source : list) {
      if (!source.is_object()) return false;
      for (const auto& item : source.items()) {
        if (!merged.contains(item.key())) merged[item.key()] = item.value();
      }
    }
    return true;
  }

  size_t nodes_ = 0;
};

Result<void> check_object(const Json& object, std::vector<Json>& out) {
  if (!object.is_object()) return fail("an object is expected");
  const auto text = [&](const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() &&
           !found->get_ref<const std::string&>().empty();
  };
  if (!text("apiVersion")) return fail("apiVersion is missing");
  if (!text("kind")) return fail("kind is missing");
  if (object["kind"] == "List") {
    const auto items = object.find("items");
    if (items == object.end() || !items->is_array()) return fail("a List needs items");
    for (const Json& item : *items) {
      if (Result<void> checked = check_object(item, out); !checked) return checked;
    }
    return {};
  }
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object() || !metadata->contains("name")) {
    return fail(fmt::format("{}: metadata.name is missing", object["kind"].get<std::string>()));
  }
  out.push_back(object);
  return {};
}

}  // namespace

Result<std::vector<Json>> parse_documents(std::string_view text) {
  try {
    std::vector<Json> out;
    for (const YAML::Node& document : YAML::LoadAll(std::string(text))) {
      Result<Json> value = Converter().convert(document, 0);
      if (!value) return fail(value.error().message);
      if (!value->is_null()) out.push_back(std::move(*value));
    }
    return out;
  } catch (const YAML::Exception& error) {
    return fail(fmt::format("{}: {}", place(error.mark), error.msg));
  }
}

Result<std::vector<Json>> read_manifest_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) {
    return fail(fmt::format("{}: larger than {} bytes", path, kMaxFileBytes));
  }
  Result<std::vector<Json>> documents = parse_documents(text);
  if (!documents) return fail(fmt::format("{}: {}", path, documents.error().message));
  std::vector<Json> out;
  for (size_t i = 0; i < documents->size(); ++i) {
    if (Result<void> checked = check_object((*documents)[i], out); !checked) {
      return fail(fmt::format("{}: document {}: {}", path, i + 1, checked.error().message));
    }
  }
  return out;
}

}  // namespace natrix::manifest
