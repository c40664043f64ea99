// SnapshotReader: reads a backup of a stream as nats-server makes it, compressed, in pieces of any
// size; both forms, which it tells apart itself.
//
//   reader.append(chunk);
//   while (true) {
//     auto event = reader.next();
//     if (!event) return refuse(event.error());
//     if (!*event) break;                       // send for the next chunk
//     std::visit(use, **event);                 // views: until the next call of next() or append()
//   }
//   at the end: reader.complete(), or the backup was cut short.
//
// The native form gives StreamState, Consumer..., Message..., End; the tar form StreamInfo,
// Message... with Removed... between and behind them, Consumer..., StreamState, End. Whoever
// restores removes what Removed says, sets the last sequence, and makes the stream visible after
// End only. Every checksum on the way is checked.
//
// Memory: one message or file within its limit, one decompressed block of at most 4 MiB, one chunk.
// One thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "broker/base/result.h"
#include "broker/jetstream/archive/form.h"
#include "broker/s2/frame_reader.h"

namespace natrix::jetstream::archive {

class SnapshotReader {
 public:
  explicit SnapshotReader(const ReaderLimits& limits)
      : limits_(limits), frames_({limits.max_bytes}) {}

  // Call next() until it wants more before the next append.
  void append(std::string_view compressed) { frames_.append(compressed); }

  // The next event; nothing: more bytes are needed, or End was given. Errors: malformed, damaged, a
  // limit passed; final, every later call gives the same.
  Result<std::optional<Event>> next();

  [[nodiscard]] bool complete() const { return ended_; }

 private:
  // True: there are new bytes.
  Result<bool> pull();

  ReaderLimits limits_;
  s2::FrameReader frames_;
  ByteQueue bytes_;
  std::unique_ptr<Form> form_;
  bool ended_ = false;
  std::optional<Error> failed_;
};

}  // namespace natrix::jetstream::archive
