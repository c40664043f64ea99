// Archiver: turns segments that recovery would have to replay into segments with an index, gives
// back the space of what is dead.
//
// Archiving a segment, in this order: copy the index of its messages; write the index file (and, if
// the segment is sparse or holds many streams, its live messages sorted by stream) under a
// temporary name; repeat at the end of the log whatever else was last said in the segment and sync;
// give the index its name. That rename is the moment; a crash before it leaves the segment as it
// was.
//
// Runs on a thread of its own, or step by step in tests.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/storage/file_stream_store.h"

namespace natrix::storage {

class Archiver {
 public:
  using StreamList = std::function<std::vector<std::shared_ptr<FileStreamStore>>()>;
  Archiver(StoreCore& core, StreamList streams);
  ~Archiver() { stop(); }

  void start();
  void stop();
  // Something may be there to do.
  void wake();
  // Archives the oldest segment, if more than `keep` complete ones are not archived, or gives back
  // space. False: nothing to do, or it did not work (another try later).
  bool step(unsigned keep);

 private:
  struct Work;

  StorageResult<void> archive(const std::shared_ptr<Segment>& segment, bool first_time);
  bool on_all_streams(const std::function<void(FileStreamStore&)>& work);
  StorageResult<void> rewrite(Work& work);
  StorageResult<void> collect_expiries(Work& work);
  StorageResult<void> write_index(Work& work);
  StorageResult<void> repeat_words(uint64_t number);
  StorageResult<void> wait_until_synced();
  StorageResult<void> commit(Work& work);
  StorageResult<void> write_file(const std::string& path, std::string_view bytes);
  StorageResult<std::string> read_record_of(Work& work, const IndexEntry& entry);
  std::shared_ptr<Segment> to_archive(unsigned keep);
  std::shared_ptr<Segment> to_rewrite();
  StorageResult<void> write_catalog();
  bool catalog_due() const;
  StorageResult<void> give_back(const std::shared_ptr<Segment>& segment);
  bool give_back_dead();

  StoreCore& core_;
  StreamList streams_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool work_ = false;
  bool threaded_ = false;
  std::thread thread_;
  std::chrono::steady_clock::time_point next_catalog_{};
};

}  // namespace natrix::storage
