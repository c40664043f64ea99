// Rules for consumer configurations: defaults, what is valid, what may change (wire.md 9.2,
// nats-server's consumer.go). Pure.
#pragma once

#include <string>
#include <string_view>

#include "broker/jetstream/model/api_error.h"
#include "broker/jetstream/model/consumer_config.h"
#include "broker/jetstream/model/limits.h"
#include "broker/jetstream/model/stream_config.h"
#include "broker/jetstream/model/stream_rules.h"

namespace natrix::jetstream::model {

// The configuration with defaults filled in, or what is wrong with it on this stream. Rules that
// depend on other consumers (work queues) are the stream's.
ApiResult<ConsumerConfig> check_consumer(ConsumerConfig config, const StreamConfig& stream,
                                         const ServerLimits& limits, Mode mode);
// Whether `old` may become `fresh`; both have passed check_consumer. `old_is_bound`: somebody
// listens to the old deliver subject.
ApiResult<void> check_consumer_update(const ConsumerConfig& old, const ConsumerConfig& fresh,
                                      bool old_is_bound);

void set_stored_metadata(ConsumerConfig& config);
// Equal but for what servers add to the metadata.
bool same_consumer(ConsumerConfig a, ConsumerConfig b);

// Of a priority group; empty is not valid.
bool is_valid_group(const std::string& name);

// 0..100 from "30" or "30%".
ApiResult<int> sample_percent(std::string_view text);

}  // namespace natrix::jetstream::model
