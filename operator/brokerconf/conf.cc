#include "operator/brokerconf/conf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "operator/model/config_merge.h"

namespace natrix::brokerconf {

namespace {

using model::Json;

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (byte < 0x20 || byte == 0x7f) {
          out += fmt::format("\\x{:02x}", byte);
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

// A quoted "include" is a key like any other, a bare one is the directive.
bool bare_key(const std::string& key) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (key.empty() || !letter(key[0]) || model::canonical_key(key) == "include") return false;
  return std::all_of(key.begin(), key.end(),
                     [&](char c) { return letter(c) || c == '-' || (c >= '0' && c <= '9'); });
}

// The language has no exponents.
std::string fixed(double number) {
  std::array<char, 512> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::fixed);
  std::string text(buffer.data(), error == std::errc() ? end : buffer.data());
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

class Writer {
 public:
  std::string text;

  void map(const Map& entries, const std::string& indent) {
    for (const auto& [key, value] : entries) {
      if (const auto* include = std::get_if<Include>(&value.data)) {
        text += indent + "include " + quoted(include->file) + "\n";
        continue;
      }
      text += indent + (bare_key(key) ? key : "\"" + key + "\"");
      if (const auto* inner = std::get_if<Map>(&value.data)) {
        text += " {\n";
        map(*inner, indent + "  ");
        text += indent + "}\n";
      } else {
        text += ": ";
        scalar_or_list(value, indent);
        text += "\n";
      }
    }
  }

 private:
  void list(const List& items, const std::string& indent) {
    if (items.empty()) {
      text += "[]";
      return;
    }
    text += "[\n";
    for (const Value& item : items) {
      text += indent + "  ";
      if (const auto* inner = std::get_if<Map>(&item.data)) {
        text += "{\n";
        map(*inner, indent + "    ");
        text += indent + "  }";
      } else {
        scalar_or_list(item, indent + "  ");
      }
      text += "\n";
    }
    text += indent + "]";
  }

  void scalar_or_list(const Value& value, const std::string& indent) {
    if (const auto* flag = std::get_if<bool>(&value.data)) {
      text += *flag ? "true" : "false";
    } else if (const auto* number = std::get_if<int64_t>(&value.data)) {
      text += fmt::format("{}", *number);
    } else if (const auto* real = std::get_if<double>(&value.data)) {
      text += fixed(*real);
    } else if (const auto* word = std::get_if<std::string>(&value.data)) {
      text += quoted(*word);
    } else if (const auto* raw = std::get_if<Raw>(&value.data)) {
      text += raw->text;
    } else {
      list(std::get<List>(value.data), indent);
    }
  }
};

Value from_json(const Json& json);

Map map_from_json(const Json& json) {
  Map out;
  for (const auto& [key, item] : json.items()) {
    if (!item.is_null()) out.emplace_back(key, from_json(item));
  }
  return out;
}

Value from_json(const Json& json) {
  if (json.is_boolean()) return {json.get<bool>()};
  if (json.is_number_integer()) return {json.get<int64_t>()};
  if (json.is_number_float()) return {json.get<double>()};
  if (json.is_object()) return {map_from_json(json)};
  if (json.is_array()) {
    List items;
    for (const Json& item : json) items.push_back(from_json(item));
    return {std::move(items)};
  }
  const std::string& text = json.get_ref<const std::string&>();
  if (model::is_raw(text)) return {Raw{model::raw_text(text)}};
  return {text};
}

// Server keys have aliases and any case down to `cluster`; below, keys may be names of accounts.
void merge_level(Map& map, const Json& merge, bool server_keys, bool top) {
  auto same = [server_keys](const std::string& a, const std::string& b) {
    return server_keys ? model::canonical_key(a) == model::canonical_key(b) : a == b;
  };
  for (const auto& [merge_key, item] : merge.items()) {
    const std::string& key = merge_key;
    const auto found = std::find_if(map.begin(), map.end(), [&](const auto& entry) {
      return !std::holds_alternative<Include>(entry.second.data) && same(entry.first, key);
    });
    if (item.is_null()) {
      if (found != map.end()) map.erase(found);
    } else if (found == map.end()) {
      map.emplace_back(key, from_json(item));
    } else if (item.is_object() && std::holds_alternative<Map>(found->second.data)) {
      merge_level(std::get<Map>(found->second.data), item,
                  top && model::canonical_key(key) == "cluster", false);
    } else {
      found->second = from_json(item);
    }
  }
}

}  // namespace

void set(Map& map, const std::string& key, Value value) {
  const auto found =
      std::find_if(map.begin(), map.end(), [&](const auto& entry) { return entry.first == key; });
  if (found == map.end()) {
    map.emplace_back(key, std::move(value));
  } else {
    found->second = std::move(value);
  }
}

void merge_into(Map& map, const Json& merge) {
  merge_level(map, merge, true, true);
}

std::string to_text(const Map& map) {
  Writer writer;
  writer.map(map, "");
  return std::move(writer.text);
}

}  // namespace natrix::brokerconf
