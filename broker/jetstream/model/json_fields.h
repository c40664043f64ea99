// JSON objects of the API both ways from one list of fields.
//
//   template <class F> void fields(F& f, PurgeRequest& r) {
//     f("seq", r.sequence, kOmitEmpty);
//   }
//   Json json = to_json(request);
//   ApiResult<void> read = from_json(text, request, Strictness::kStrict);
//
// The list says order, names and which fields are left out when empty; JsonWriter and JsonReader do
// the rest. Reading follows Go: null and absent fields leave the default, unknown fields are errors
// in strict mode only, numbers must fit. Pure.
#pragma once

#include <concepts>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/jetstream/model/api_error.h"
#include "broker/jetstream/model/codec.h"
#include "broker/jetstream/model/time.h"

namespace natrix::jetstream::model {

using Json = nlohmann::ordered_json;

enum class Omit : uint8_t { kNever, kEmpty };
inline constexpr Omit kOmitEmpty = Omit::kEmpty;

// An enum has names_of(E) returning the texts in order of its values.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e) {
  names_of(e);
};

class JsonWriter;
class JsonReader;
template <class T>
concept HasFields = requires(T t, JsonWriter& w) {
  fields(w, t);
};

class JsonWriter {
 public:
  template <class T>
  void operator()(const char* name, const T& value, Omit omit = Omit::kNever) {
    if (omit == Omit::kEmpty && is_empty(value)) return;
    object_[name] = encode(value);
  }
  Json take() { return std::move(object_); }

  template <class T>
  static Json encode(const T& value) {
    if constexpr (NamedEnum<T>) {
      return names_of(value)[static_cast<size_t>(value)];
    } else if constexpr (std::is_same_v<T, Time>) {
      return format_time(value);
    } else if constexpr (HasFields<T>) {
      JsonWriter writer;
      fields(writer, const_cast<T&>(value));
      return writer.take();
    } else {
      return value;
    }
  }
  template <class T>
  static Json encode(const std::optional<T>& value) {
    return value ? encode(*value) : Json(nullptr);
  }
  template <class T>
  static Json encode(const std::vector<T>& values) {
    Json array = Json::array();
    for (const T& value : values) array.push_back(encode(value));
    return array;
  }

 private:
  template <class T>
  static bool is_empty(const T& value) {
    if constexpr (std::is_arithmetic_v<T>) {
      return value == T{};
    } else if constexpr (std::is_enum_v<T>) {
      return static_cast<int>(value) == 0;
    } else if constexpr (std::is_same_v<T, Time>) {
      return value.is_zero();
    } else if constexpr (requires { value.has_value(); }) {
      return !value.has_value();
    } else if constexpr (requires { value.empty(); }) {
      return value.empty();
    } else {
      return false;
    }
  }
  Json object_ = Json::object();
};

class JsonReader {
 public:
  JsonReader(const Json& object, Strictness strictness, std::string& error)
      : object_(object), strictness_(strictness), error_(error) {}

  template <class T>
  void operator()(const char* name, T& value, Omit = Omit::kNever) {
    known_.push_back(name);
    auto found = object_.find(name);
    if (found == object_.end() || found->is_null() || !error_.empty()) return;
    decode(name, *found, value);
  }
  // After all fields have been named.
  void finish();

  template <class T>
  void read_object(T& value) {
    fields(*this, value);
    finish();
  }

 private:
  void mismatch(const char* name, const Json& json, const char* type);
  void decode(const char* name, const Json& json, std::string& value);
  void decode(const char* name, const Json& json, bool& value);
  void decode(const char* name, const Json& json, double& value);
  void decode(const char* name, const Json& json, Time& value);
  void decode(const char* name, const Json& json, std::map<std::string, std::string>& value);
  int64_t integer(const char* name, const Json& json, int64_t low, int64_t high, const char* type);
  void decode(const char* name, const Json& json, uint64_t& value);
  template <std::integral T>
  void decode(const char* name, const Json& json, T& value) {
    value = static_cast<T>(integer(name, json, std::numeric_limits<T>::min(),
                                   static_cast<int64_t>(std::numeric_limits<T>::max()),
                                   sizeof(T) == 8 ? "int64" : "int32"));
  }
  template <NamedEnum E>
  void decode(const char* name, const Json& json, E& value) {
    if (!json.is_string()) return mismatch(name, json, "string");
    const auto& text = json.template get_ref<const std::string&>();
    size_t at = 0;
    for (const char* one : names_of(value)) {
      if (text == one) {
        value = static_cast<E>(at);
        return;
      }
      ++at;
    }
    error_ = "can not unmarshal \"" + text + "\"";
  }
  template <class T>
  void decode(const char* name, const Json& json, std::optional<T>& value) {
    decode(name, json, value.emplace());
  }
  template <class T>
  void decode(const char* name, const Json& json, std::vector<T>& value) {
    if (!json.is_array()) return mismatch(name, json, "array");
    value.clear();
    for (const Json& one : json) {
      if (error_.empty()) decode(name, one, value.emplace_back());
    }
  }
  template <HasFields T>
  void decode(const char* name, const Json& json, T& value) {
    if (!json.is_object()) return mismatch(name, json, "object");
    JsonReader(json, strictness_, error_).read_object(value);
  }

  const Json& object_;
  const Strictness strictness_;
  std::string& error_;
  std::vector<const char*> known_;
};

template <HasFields T>
Json to_json(const T& value) {
  return JsonWriter::encode(value);
}

// The text as JSON, or 10025 with where it stops being JSON.
ApiResult<Json> parse_json(std::string_view text);

template <HasFields T>
ApiResult<void> from_json(const Json& json, T& value, Strictness strictness) {
  if (!json.is_object()) return refuse(Err::kInvalidJson, "json: cannot unmarshal into an object");
  std::string error;
  JsonReader(json, strictness, error).read_object(value);
  if (!error.empty()) return refuse(Err::kInvalidJson, error);
  return {};
}
// An empty text is an empty object.
template <HasFields T>
ApiResult<void> from_json_text(std::string_view text, T& value, Strictness strictness) {
  if (text.empty()) return {};
  ApiResult<Json> json = parse_json(text);
  if (!json) return fail_with(json.error());
  return from_json(*json, value, strictness);
}

}  // namespace natrix::jetstream::model
