// The JSON in backups. This is the only place here that sees the JSON library. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "broker/base/result.h"
#include "broker/jetstream/archive/event.h"

namespace natrix::jetstream::archive {

// The `name` of a stream's configuration.
Result<std::string> name_in(std::string_view config);

// The stream's numbers (`state.json`); its times are not read.
Result<StreamState> parse_stream_state(std::string_view text);
std::string stream_state_text(const StreamState& state);

// {"config":{…},"state":{…}} of a consumer in the native form.
Result<Consumer> parse_consumer(std::string_view name, std::string_view text);
std::string consumer_text(const Consumer& consumer);

// `config` with members put in front of its own: `members` is `"a":1,"b":2`. Empty: as it is.
std::string with_members(std::string_view members, std::string_view config);

}  // namespace natrix::jetstream::archive
