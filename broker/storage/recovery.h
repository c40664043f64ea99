// Recovery: opens a store: reads the indexes of archived segments, replays the younger ones, finds
// out where the log ends and what is damaged.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/storage/file_stream_store.h"

namespace natrix::storage {

class Recovery {
 public:
  explicit Recovery(std::shared_ptr<StoreCore> core) : shared_core_(core), core_(*core) {}

  // kIo: the directory cannot be read.
  StorageResult<LogWriter::Start> run();
  std::map<StreamId, std::shared_ptr<FileStreamStore>> take_streams() {
    return std::move(streams_);
  }
  [[nodiscard]] StreamId next_stream_id() const { return highest_id_ + 1; }

 private:
  struct Found {
    std::set<uint32_t> generations;  // data files
    bool index = false;
  };

  StorageResult<void> list();
  void find_salt();
  void remove_leftovers();
  void adopt_archived(uint64_t number, Found& found);
  bool adopt_index(const std::shared_ptr<Segment>& segment, const std::string& path);
  bool open_data(const std::shared_ptr<Segment>& segment, uint32_t generation);
  void rebuild(const std::shared_ptr<Segment>& segment, Found& found);
  void replay_all();
  bool never_used(uint64_t number);
  std::optional<uint64_t> replay_one(uint64_t number, std::optional<uint64_t> known_end);
  void apply(const std::shared_ptr<Segment>& segment, uint64_t offset, const Record& record);
  void report_faults();
  void consult_catalog();
  StorageResult<void> check_versions();
  void keep_tail(const std::string& path, std::string_view tail);
  std::optional<SegmentHeader> read_header(uint64_t number, uint32_t generation);
  std::shared_ptr<FileStreamStore>& stream(StreamId id);
  void drop_unknown();

  std::shared_ptr<StoreCore> shared_core_;
  StoreCore& core_;
  std::map<uint64_t, Found> found_;
  std::vector<std::string> temporaries_;
  uint64_t salt_ = 0;
  uint64_t archived_ = 0;  // the highest number with an index
  std::map<StreamId, std::shared_ptr<FileStreamStore>> streams_;
  std::set<StreamId> described_;
  StreamId highest_id_ = 0;
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> erased_;  // segment, offset: length
  std::map<std::pair<uint64_t, std::string>, std::vector<SegmentFault>> faults_;
  std::set<StreamId> removed_;
  uint64_t last_batch_ = 0;
  uint64_t last_number_ = 0;
  uint64_t last_end_ = 0;
  bool damaged_ = false;
};

}  // namespace natrix::storage
