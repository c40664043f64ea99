#include "broker/jetstream/model/codec.h"

#include "broker/jetstream/model/fields.h"

namespace natrix::jetstream::model {

namespace {

template <class Config>
struct Kept {
  Config config;
  Time created;
};

template <class F, class Config>
void fields(F& f, Kept<Config>& kept) {
  f("config", kept.config);
  f("created", kept.created);
}

template <class T>
std::string dump(const T& value) {
  return to_json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class Config>
ApiResult<std::pair<Config, Time>> decode_kept(std::string_view text) {
  Kept<Config> kept;
  if (auto read = from_json_text(text, kept, Strictness::kLenient); !read) {
    return fail_with(read.error());
  }
  return std::pair(std::move(kept.config), kept.created);
}

}  // namespace

#define NATRIX_FROM_TEXT(T)                                                           \
  ApiResult<void> from_text(std::string_view text, T& value, Strictness strictness) { \
    return from_json_text(text, value, strictness);                                   \
  }
NATRIX_FROM_TEXT(StreamRequest)
NATRIX_FROM_TEXT(ConsumerRequest)
NATRIX_FROM_TEXT(StreamInfoRequest)
NATRIX_FROM_TEXT(ListRequest)
NATRIX_FROM_TEXT(PurgeRequest)
NATRIX_FROM_TEXT(MessageDeleteRequest)
NATRIX_FROM_TEXT(MessageGetRequest)
NATRIX_FROM_TEXT(PauseRequest)
NATRIX_FROM_TEXT(ResetRequest)
NATRIX_FROM_TEXT(UnpinRequest)
NATRIX_FROM_TEXT(PullRequest)
#undef NATRIX_FROM_TEXT

std::string to_text(const StreamConfig& value) {
  return dump(value);
}
std::string to_text(const ConsumerConfig& value) {
  return dump(value);
}
std::string to_text(const StreamInfo& value) {
  return dump(value);
}
std::string to_text(const ConsumerInfo& value) {
  return dump(value);
}
std::string to_text(const AccountInfo& value) {
  return dump(value);
}
std::string to_text(const ApiError& value) {
  Json json;
  json["code"] = value.code;
  json["err_code"] = value.err_code;
  json["description"] = value.description;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string quoted(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<int64_t> parse_delay(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  auto delay = json.find("delay");
  if (delay == json.end()) return 0;
  if (!delay->is_number_integer()) return std::nullopt;
  return delay->get<int64_t>();
}

std::string encode_kept(const StreamConfig& config, Time created) {
  return dump(Kept<StreamConfig>{config, created});
}

std::string encode_kept(const ConsumerConfig& config, Time created) {
  return dump(Kept<ConsumerConfig>{config, created});
}

ApiResult<std::pair<StreamConfig, Time>> decode_kept_stream(std::string_view text) {
  return decode_kept<StreamConfig>(text);
}

ApiResult<std::pair<ConsumerConfig, Time>> decode_kept_consumer(std::string_view text) {
  return decode_kept<ConsumerConfig>(text);
}

}  // namespace natrix::jetstream::model
