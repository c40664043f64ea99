// What is in a backup of a stream, piece by piece: given by SnapshotReader, taken by
// SnapshotWriter.
//
// Values. Times are nanoseconds since 1970. Views are valid until the reader's next call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace natrix::jetstream::archive {

struct SequencePair {
  uint64_t consumer = 0;
  uint64_t stream = 0;
  bool operator==(const SequencePair&) const = default;
};

struct PendingMessage {
  uint64_t stream_seq = 0;
  uint64_t consumer_seq = 0;  // 0: the file is of an old version that does not say it
  int64_t time = 0;           // of the delivery; files keep whole seconds
  bool operator==(const PendingMessage&) const = default;
};

struct Redelivery {
  uint64_t stream_seq = 0;
  uint64_t count = 0;
  bool operator==(const Redelivery&) const = default;
};

struct ConsumerState {
  SequencePair delivered;
  SequencePair ack_floor;
  std::vector<PendingMessage> pending;  // ascending by stream sequence
  std::vector<Redelivery> redelivered;  // ascending by stream sequence
  bool operator==(const ConsumerState&) const = default;
};

// The stream's configuration. Tar form only; in the other one it comes with the restore request.
struct StreamInfo {
  std::string name;
  std::string config;  // JSON: the configuration, and "Created"
};

// The stream's numbers. The native form begins with it; the tar form ends with it and knows
// `first_seq` (0: that of the first message left) and `last_seq` only.
struct StreamState {
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t first_seq = 0;
  uint64_t last_seq = 0;
  int64_t first_time = 0;  // 0: no message
  int64_t last_time = 0;
  uint64_t consumers = 0;
};

// The native form has all consumers before the messages, the tar form behind them.
struct Consumer {
  std::string name;
  std::string config;  // JSON; in the tar form with "Created" and "Name"
  ConsumerState state;
};

// Sequences ascend; those between two messages are deleted ones. The time to live is in the
// headers.
struct Message {
  uint64_t seq = 0;
  int64_t time = 0;
  std::string_view subject;
  std::string_view headers;  // the block "NATS/1.0\r\n…\r\n\r\n", or empty
  std::string_view payload;
};

// Tar form only: messages `first` to `last` are deleted. Some of them may have been given before,
// most sequences of a range were never there.
struct Removed {
  uint64_t first = 0;
  uint64_t last = 0;
};

// The backup is complete.
struct End {};

using Event = std::variant<StreamInfo, StreamState, Consumer, Message, Removed, End>;

}  // namespace natrix::jetstream::archive
