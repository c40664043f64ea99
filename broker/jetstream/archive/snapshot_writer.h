// SnapshotWriter: makes a backup of a stream that nats-server restores, and SnapshotReader reads.
//
//   SnapshotWriter writer(SnapshotForm::kNative);
//   writer.begin(info, state, now, out);
//   writer.add(consumer, out);            // all of them, state.consumers in number
//   writer.add(message, out);             // ascending
//   writer.finish(out);
//
// `out` grows by compressed bytes from time to time; the caller sends from its front. Memory
// besides: one block of 256 KiB, in the tar form also one message block of 1 MiB (or one message,
// if it is larger). One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/jetstream/archive/event.h"
#include "broker/jetstream/archive/message_record.h"
#include "broker/s2/frame_writer.h"

namespace natrix::jetstream::archive {

enum class SnapshotForm : uint8_t {
  kNative,  // nats-server 2.15 and later
  kTar,     // read by all versions
};

class SnapshotWriter {
 public:
  explicit SnapshotWriter(SnapshotForm form) : form_(form) {}

  // `info.config`: a JSON object, the stream's configuration (with "Created", if it shall be kept).
  // `now`: the time on files and entries.
  void begin(const StreamInfo& info, const StreamState& state, int64_t now, std::string& out);
  // Consumers before messages. Their configuration is a JSON object; state as for
  // encode_consumer_file.
  void add(const Consumer& consumer, std::string& out);
  void add(const Message& message, std::string& out);
  // Sequences behind the last message, up to state.last_seq, stay used.
  void finish(std::string& out);

 private:
  void entry(std::string_view name, int64_t time, uint64_t seq, std::string_view headers,
             std::string_view payload, std::string& out);
  void file(std::string_view name, std::string_view content, std::string& out);
  void file_with_sum(const std::string& folder, std::string_view key, std::string_view content,
                     std::string& out);
  void record(const Record& record, std::string& out);
  void flush_block(std::string& out);

  SnapshotForm form_;
  s2::FrameWriter frames_;
  std::string stream_;
  StreamState state_;
  int64_t now_ = 0;
  uint64_t consumers_ = 0;
  uint64_t last_seq_ = 0;  // of the messages so far
  // Tar form: the message block that is collected.
  uint64_t block_ = 1;
  std::optional<RecordCodec> codec_;
  std::string records_;
};

}  // namespace natrix::jetstream::archive
