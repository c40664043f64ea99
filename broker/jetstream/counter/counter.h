// Counters: streams with allow_msg_counter, where a message adds to the last one on its subject
// instead of replacing it. Here is the arithmetic and what stands in messages; which headers may
// come together, and the errors for their absence, are the stream's business.
//
// Pure functions, safe from any thread. Facts: nats-server stream.go (headers Nats-Incr and
// Nats-Counter-Sources, body {"val":"123"}).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/result.h"
#include "broker/jetstream/counter/number.h"

namespace natrix::jetstream::counter {

enum class Fault : uint8_t {
  kInvalidIncrement,  // 10171: Nats-Incr is no number
  kBroken,            // 10172: the last message, its sources, or the sourced one is no counter
};

// What the last message on the subject holds.
struct Last {
  std::string_view body;
  std::string_view sources;  // its Nats-Counter-Sources; empty: it has none
};

// What is to be stored.
struct Change {
  Number total;
  std::string body;       // {"val":"<total>"}; the acknowledgement carries `total` as well
  std::string increment;  // Nats-Incr: as published, or for a sourced message the true difference
  std::string sources;    // Nats-Counter-Sources; empty: without that header
};

// A published increment, the text of Nats-Incr. `last`: nothing if the subject has no message yet.
Result<Change, Fault> add(const std::optional<Last>& last, std::string_view increment);

// A message that came from another stream. `source` is its Nats-Stream-Source header (stream,
// sequence, filter, transform, original subject), `subject` its subject here, which counts if the
// header names none, `body` its body. The total there is taken over, not added again: what this
// source said last time is remembered in the sources.
Result<Change, Fault> add_sourced(const std::optional<Last>& last, std::string_view source,
                                  std::string_view subject, std::string_view body);

// The body of a counter's message. Nothing: not JSON, or not a number. A body without a value is 0.
std::optional<Number> total_of(std::string_view body);
std::string body_of(const Number& total);

// {"stream":{"subject":"123"}}: what each source said last.
using Sources = std::map<std::string, std::map<std::string, std::string>>;
std::optional<Sources> parse_sources(std::string_view json);
std::string sources_text(const Sources& sources);

}  // namespace natrix::jetstream::counter
