// The segments of a store's log: their files, how much in them is alive, and which are archived.
//
// Safe from any thread. A Segment is shared by the table and by every stream with messages in it;
// its file stays open, and readable, until the last of them lets go, also when its name is gone.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/storage/file_system.h"

namespace natrix::storage {

// A file of a segment.
struct SegmentData {
  std::shared_ptr<File> file;
  std::string path;
};

struct Segment {
  explicit Segment(uint64_t n) : number(n) {}

  const uint64_t number;
  // Of live messages.
  std::atomic<int64_t> live_bytes{0};
  std::atomic<uint64_t> size{0};
  // Reads up to here are served by the file, beyond by the log writer's buffers.
  std::atomic<uint64_t> written{0};
  // Everything that is not a message is repeated further on; an index exists. Never taken back.
  std::atomic<bool> archived{false};

  // As the log writer made it, or as recovery found it: where chunks are that say nothing else.
  // Null until made.
  [[nodiscard]] std::shared_ptr<SegmentData> data() const { return std::atomic_load(&data_); }
  void set_data(std::shared_ptr<SegmentData> data) { std::atomic_store(&data_, std::move(data)); }
  // As it is now, rewritten or not.
  [[nodiscard]] std::shared_ptr<SegmentData> current() const {
    auto rewritten = std::atomic_load(&rewritten_);
    return rewritten != nullptr ? rewritten : data();
  }
  void set_rewritten(std::shared_ptr<SegmentData> data) {
    std::atomic_store(&rewritten_, std::move(data));
  }
  [[nodiscard]] std::shared_ptr<SegmentData> index() const { return std::atomic_load(&index_); }
  void set_index(std::shared_ptr<SegmentData> i) { std::atomic_store(&index_, std::move(i)); }
  // Its index is damaged or missing and shall be written anew.
  std::atomic<bool> reindex{false};
  // Something in it could not be read when it was to be rewritten: it stays as it is.
  std::atomic<bool> stuck{false};
  // Counts messages overwritten in it.
  std::atomic<uint64_t> erasures{0};
  uint32_t generation = 0;  // counts rewrites; archiver and recovery only

 private:
  std::shared_ptr<SegmentData> data_;
  std::shared_ptr<SegmentData> rewritten_;
  std::shared_ptr<SegmentData> index_;  // null: none
};

class SegmentTable {
 public:
  explicit SegmentTable(std::string directory) : directory_(std::move(directory)) {}

  std::shared_ptr<Segment> add(uint64_t number);
  [[nodiscard]] std::shared_ptr<Segment> find(uint64_t number) const;
  void remove(uint64_t number);
  // Ascending.
  [[nodiscard]] std::vector<std::shared_ptr<Segment>> all() const;

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string data_path(uint64_t number, uint32_t generation) const;
  [[nodiscard]] std::string index_path(uint64_t number) const;
  [[nodiscard]] std::string catalog_path() const { return directory_ + "/catalog"; }
  // What a file name in the directory stands for; false: not one of ours.
  enum class Kind : uint8_t { kData, kIndex, kTemporary };
  static bool parse(const std::string& name, Kind& kind, uint64_t& number, uint32_t& generation);

 private:
  std::string directory_;
  mutable std::mutex mutex_;
  std::map<uint64_t, std::shared_ptr<Segment>> segments_;
};

}  // namespace natrix::storage
