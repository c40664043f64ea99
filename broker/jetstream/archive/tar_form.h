// The form of backups up to nats-server 2.14: a tar archive of the files of its store. `meta.inf`
// and `meta.sum` (configuration and its checksum), `msgs/<n>.blk`, `msgs/index.db`, and for each
// consumer `obs/<name>/{meta.inf,meta.sum,o.dat}`. Fact: nats-server filestore.go (streamSnapshot).
//
// Messages are given as they come, before it is known which of them were deleted later; a Removed
// event says so. The state file counts only if it belongs to the last record, as there.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "broker/jetstream/archive/form.h"
#include "broker/jetstream/archive/index_file.h"
#include "broker/jetstream/archive/message_record.h"
#include "broker/jetstream/archive/tar.h"

namespace natrix::jetstream::archive {

class TarForm final : public Form {
 public:
  explicit TarForm(const ReaderLimits& limits) : limits_(limits) {}
  Result<Step> step(ByteQueue& in, Event& event) override;

 private:
  enum class File : uint8_t {
    kNone,  // between files
    kSkipped,
    kExtension,
    kErrors,
    kConfig,
    kConfigSum,
    kBlock,
    kIndex,
    kConsumerConfig,
    kConsumerSum,
    kConsumerState,
  };

  Result<Step> head(ByteQueue& in);
  Result<void> open(std::string name, uint64_t size);
  Result<void> open_message_file(std::string_view name, uint64_t size);
  Result<void> open_consumer_file(std::string_view path, uint64_t size);
  Result<void> collect(File file, uint64_t size, size_t limit);
  Result<Step> collected(ByteQueue& in);
  Result<void> use(std::string_view content);
  Result<void> use_index();
  Result<Step> record(ByteQueue& in, Event& event);
  bool record_event(const Record& record, Event& event);
  void close_consumer();
  void finish();

  const ReaderLimits limits_;
  std::deque<Event> ready_;  // none of them holds a view
  // The file that is read.
  File file_ = File::kNone;
  uint64_t left_ = 0;  // of its content
  size_t padding_ = 0;
  TarExtension extension_;  // for the next file
  // The stream.
  std::string name_;
  std::string config_;
  bool checked_ = false;  // the configuration's checksum was right
  // Messages.
  std::optional<RecordCodec> codec_;
  uint64_t block_ = 0;
  uint64_t last_checksum_ = 0;
  uint64_t last_given_ = 0;
  uint64_t last_seq_ = 0;
  std::string index_bytes_;
  std::optional<IndexFile> index_;
  bool walking_ = false;  // over what the state file says is deleted
  // The consumer whose files are read.
  std::optional<Consumer> consumer_;
};

}  // namespace natrix::jetstream::archive
