// What the two forms of a backup have in common for the reader: bytes in, events out. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/base/result.h"
#include "broker/jetstream/archive/bytes.h"
#include "broker/jetstream/archive/event.h"

namespace natrix::jetstream::archive {

struct ReaderLimits {
  // Everything unpacked together: what a small backup can unpack to is bounded by this.
  uint64_t max_bytes = 0;
  // Headers and payload of one message.
  size_t max_message_bytes = size_t{8} << 20;
  // One configuration.
  size_t max_config_bytes = size_t{1} << 20;
  // The state of one consumer, which grows with what is pending.
  size_t max_consumer_bytes = size_t{64} << 20;
  // The stream's state file in the tar form; a larger one is passed over, and with it what only it
  // knows: which messages were deleted because of a limit.
  size_t max_index_bytes = size_t{64} << 20;
};

class Form {
 public:
  enum class Step : uint8_t { kEvent, kAgain, kMore };

  virtual ~Form() = default;
  // kEvent: `event` is set, its views point into `in`. kAgain: call again. kMore: bytes are
  // missing.
  virtual Result<Step> step(ByteQueue& in, Event& event) = 0;
};

}  // namespace natrix::jetstream::archive
