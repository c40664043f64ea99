#include "broker/jetstream/model/json_fields.h"

#include <fmt/format.h>

#include <algorithm>

namespace natrix::jetstream::model {

void JsonReader::mismatch(const char* name, const Json& json, const char* type) {
  error_ = fmt::format("json: cannot unmarshal {} into field {} of type {}", json.type_name(), name,
                       type);
}

void JsonReader::finish() {
  if (strictness_ == Strictness::kLenient || !error_.empty()) return;
  for (const auto& item : object_.items()) {
    bool known = std::any_of(known_.begin(), known_.end(),
                             [&item](const char* name) { return item.key() == name; });
    if (!known) {
      error_ = fmt::format("json: unknown field \"{}\"", item.key());
      return;
    }
  }
}

void JsonReader::decode(const char* name, const Json& json, std::string& value) {
  if (!json.is_string()) return mismatch(name, json, "string");
  value = json.get<std::string>();
}

void JsonReader::decode(const char* name, const Json& json, bool& value) {
  if (!json.is_boolean()) return mismatch(name, json, "bool");
  value = json.get<bool>();
}

void JsonReader::decode(const char* name, const Json& json, double& value) {
  if (!json.is_number()) return mismatch(name, json, "float64");
  value = json.get<double>();
}

void JsonReader::decode(const char* name, const Json& json, Time& value) {
  if (!json.is_string()) return mismatch(name, json, "time");
  const auto& text = json.get_ref<const std::string&>();
  std::optional<Time> time = parse_time(text);
  if (!time) {
    error_ = fmt::format("parsing time \"{}\": not in the form of RFC 3339", text);
    return;
  }
  value = *time;
}

void JsonReader::decode(const char* name, const Json& json,
                        std::map<std::string, std::string>& value) {
  if (!json.is_object()) return mismatch(name, json, "map of strings");
  value.clear();
  for (const auto& item : json.items()) {
    if (!item.value().is_string()) return mismatch(name, item.value(), "string");
    value[item.key()] = item.value().get<std::string>();
  }
}

int64_t JsonReader::integer(const char* name, const Json& json, int64_t low, int64_t high,
                            const char* type) {
  bool fits =
      json.is_number_unsigned()
          ? json.get<uint64_t>() <= static_cast<uint64_t>(std::max<int64_t>(high, 0))
          : json.is_number_integer() && json.get<int64_t>() >= low && json.get<int64_t>() <= high;
  if (!fits) {
    mismatch(name, json, type);
    return 0;
  }
  return json.get<int64_t>();
}

void JsonReader::decode(const char* name, const Json& json, uint64_t& value) {
  if (!json.is_number_unsigned()) return mismatch(name, json, "uint64");
  value = json.get<uint64_t>();
}

ApiResult<Json> parse_json(std::string_view text) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    return refuse(Err::kInvalidJson, fmt::format("syntax error at offset {}", error.byte));
  } catch (const nlohmann::json::exception& error) {
    return refuse(Err::kInvalidJson, error.what());
  }
}

}  // namespace natrix::jetstream::model
