// A store whose streams are all in memory: what a server without a store directory uses.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "broker/storage/memory_stream_store.h"
#include "broker/storage/store.h"

namespace natrix::storage {

class MemoryStore final : public Store {
 public:
  [[nodiscard]] std::vector<StreamInfo> streams() override;
  // kInvalid: info.in_memory is not set.
  StorageResult<StreamId> create(const StreamInfo& info, Seq first_seq) override;
  StreamStore* attach(StreamId id, Executor& executor, StreamListener& listener) override;
  void detach(StreamId id) override;
  void remove(StreamId id, std::function<void(StorageResult<void>)> done) override;
  [[nodiscard]] StoreMetrics metrics() const override { return {}; }
  [[nodiscard]] std::vector<DamageReport> damage() const override { return {}; }

 private:
  struct Stream {
    StreamInfo info;
    std::unique_ptr<MemoryStreamStore> store;
  };
  std::mutex mutex_;  // the map, not what the streams hold
  std::map<StreamId, Stream> streams_;
  StreamId next_id_ = 1;
};

}  // namespace natrix::storage
