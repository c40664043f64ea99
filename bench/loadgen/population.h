// Scenarios about many connections or subscriptions instead of many messages: memory, and the cost
// of coming and going. Each leaves the server as it found it, apart from what the server keeps.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "bench/loadgen/server_process.h"

namespace natrix::bench {

// Time and CPU for `count` SUBs of the form "bench.w.<number>.*" on one connection, confirmed.
nlohmann::ordered_json add_wildcards(ServerProcess& server, uint64_t count);
// The same for UNSUB, after 2,000 of the subjects were published to (so that caches are warm).
nlohmann::ordered_json remove_wildcards(ServerProcess& server, uint64_t count);
// Connections made one after the other: INFO, CONNECT, PING, PONG, close.
nlohmann::ordered_json connect_and_leave(ServerProcess& server, uint64_t count);
// Growth of resident memory per connection ("bytes_each") with `count` of them held open.
nlohmann::ordered_json idle_connections(ServerProcess& server, uint64_t count);
// The same after each has subscribed, sent itself one message of 1 KB and fallen silent again.
nlohmann::ordered_json used_connections(ServerProcess& server, uint64_t count);
// Growth of resident memory per subscription ("bytes_each"), all on one connection.
nlohmann::ordered_json hold_subscriptions(ServerProcess& server, uint64_t count);

}  // namespace natrix::bench
