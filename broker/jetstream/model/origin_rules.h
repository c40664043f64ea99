// Rules for the streams that a stream copies from: its mirror, its sources (wire.md 9.1;
// nats-server's stream.go). Pure; the texts are those clients see.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "broker/jetstream/model/api_error.h"
#include "broker/jetstream/model/stream_config.h"
#include "broker/jetstream/model/stream_rules.h"

namespace natrix::jetstream::model {

// What can be said of the configuration alone.
ApiResult<void> check_origins(const StreamConfig& config);

// What the other streams of the account have to do with it. A mirror takes over from its origin
// whether it answers direct gets. `find`: null if there is no such stream.
using FindStream = std::function<const StreamConfig*(std::string_view name)>;
ApiResult<void> check_against_origins(StreamConfig& config, const FindStream& find, Mode mode);

// What tells one source of a stream from another: "<name>[:<hash of the api prefix>] <filter>
// <destination>". Part of Nats-Stream-Source, by which a stream finds its place after a restart.
std::string source_index(const StreamSource& source);

}  // namespace natrix::jetstream::model
