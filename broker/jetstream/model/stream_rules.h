// Rules for stream configurations: defaults, what is valid, what may change (wire.md 9.1,
// nats-server's stream.go). Pure; the texts are those clients see.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "broker/jetstream/model/api_error.h"
#include "broker/jetstream/model/limits.h"
#include "broker/jetstream/model/stream_config.h"

namespace natrix::jetstream::model {

enum class Mode : uint8_t { kForgiving, kPedantic };

// Names of streams and consumers: not empty, no '.', '*', '>', '/', '\' and no white space.
bool is_valid_name(std::string_view name);

// The configuration with defaults filled in and limits normalised, or what is wrong with it. In
// pedantic mode what would silently be changed is refused.
ApiResult<StreamConfig> check_stream(StreamConfig config, const ServerLimits& limits, Mode mode);
// The same for a stream that is to be created, of which some things may only come later.
ApiResult<StreamConfig> check_new_stream(StreamConfig config, const ServerLimits& limits,
                                         Mode mode);
// `config` has passed check_stream; the configuration to apply instead of `old`.
ApiResult<StreamConfig> check_stream_update(const StreamConfig& old, StreamConfig config);

// Whether two streams would store the same message.
bool subjects_overlap(const std::vector<std::string>& a, const std::vector<std::string>& b);

using Metadata = std::map<std::string, std::string>;
// What is kept with a configuration: the API level that it needs, nothing that describes a server.
void set_stored_metadata(StreamConfig& config);
// What is only shown: version and API level of this server.
Metadata shown_metadata(Metadata stored, std::string_view server_version);
// Equal but for what servers add to the metadata.
bool same_stream(StreamConfig a, StreamConfig b);
void drop_server_metadata(Metadata& metadata);

// A request's header Nats-Required-Api-Level asks for more than there is, or is no number.
bool requires_more(std::string_view required_level);

}  // namespace natrix::jetstream::model
