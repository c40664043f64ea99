// A consumer's state file of nats-server (`o.dat`): magic 22, version, then varints. Version 2 is
// written since 2.0, version 1 is only read. Fact: nats-server store.go (encodeConsumerState),
// filestore.go (decodeConsumerState). Pure functions, safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "broker/base/result.h"
#include "broker/jetstream/archive/event.h"

namespace natrix::jetstream::archive {

// Errors: other magic or version, cut short, sequences that go backwards.
Result<ConsumerState> decode_consumer_file(std::string_view bytes);

// Every sequence in `state` is above its acknowledgement floor. Times lose what is below a second.
std::string encode_consumer_file(const ConsumerState& state);

}  // namespace natrix::jetstream::archive
