// JSON of the API's objects, both ways. Pure; this is where other folders meet JSON, as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/jetstream/model/api_error.h"
#include "broker/jetstream/model/info.h"
#include "broker/jetstream/model/requests.h"

namespace natrix::jetstream::model {

// Lenient reading passes over unknown fields; strict reading refuses them (10025).
enum class Strictness : uint8_t { kStrict, kLenient };

// An empty text is an empty object. Errors: 10025 with what is wrong.
ApiResult<void> from_text(std::string_view text, StreamRequest& value, Strictness strictness);
ApiResult<void> from_text(std::string_view text, ConsumerRequest& value, Strictness strictness);
ApiResult<void> from_text(std::string_view text, StreamInfoRequest& value, Strictness strictness);
ApiResult<void> from_text(std::string_view text, ListRequest& value, Strictness strictness);
ApiResult<void> from_text(std::string_view text, PurgeRequest& value, Strictness strictness);
ApiResult<void> from_text(std::string_view text, MessageDeleteRequest& value,
                          Strictness strictness);
ApiResult<void> from_text(std::string_view text, MessageGetRequest& value, Strictness strictness);
ApiResult<void> from_text(std::string_view text, PauseRequest& value, Strictness strictness);
ApiResult<void> from_text(std::string_view text, ResetRequest& value, Strictness strictness);
ApiResult<void> from_text(std::string_view text, UnpinRequest& value, Strictness strictness);
ApiResult<void> from_text(std::string_view text, PullRequest& value, Strictness strictness);

std::string to_text(const StreamConfig& value);
std::string to_text(const ConsumerConfig& value);
std::string to_text(const StreamInfo& value);
std::string to_text(const ConsumerInfo& value);
std::string to_text(const AccountInfo& value);
std::string to_text(const ApiError& value);

// A string as JSON, in quotes; bytes that are no UTF-8 are replaced.
std::string quoted(std::string_view text);
// `{"delay": n}` of a -NAK; nothing if it is not that.
std::optional<int64_t> parse_delay(std::string_view text);

// What is kept durably of a stream or consumer: configuration and time of creation.
std::string encode_kept(const StreamConfig& config, Time created);
std::string encode_kept(const ConsumerConfig& config, Time created);
ApiResult<std::pair<StreamConfig, Time>> decode_kept_stream(std::string_view text);
ApiResult<std::pair<ConsumerConfig, Time>> decode_kept_consumer(std::string_view text);

}  // namespace natrix::jetstream::model
