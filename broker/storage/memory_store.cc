#include "broker/storage/memory_store.h"

namespace natrix::storage {

std::vector<StreamInfo> MemoryStore::streams() {
  std::lock_guard lock(mutex_);
  std::vector<StreamInfo> all;
  for (auto& [id, stream] : streams_) all.push_back(stream.info);
  return all;
}

StorageResult<StreamId> MemoryStore::create(const StreamInfo& info, Seq first_seq) {
  if (!info.in_memory) {
    return storage_failure(StorageErrorKind::kInvalid,
                           "stream \"" + info.name + "\" wants files, the server has no store_dir");
  }
  std::lock_guard lock(mutex_);
  StreamId id = next_id_++;
  Stream stream{info, std::make_unique<MemoryStreamStore>(info.config, first_seq)};
  stream.info.id = id;
  streams_.emplace(id, std::move(stream));
  return id;
}

StreamStore* MemoryStore::attach(StreamId id, Executor&, StreamListener&) {
  std::lock_guard lock(mutex_);
  auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.store.get();
}

void MemoryStore::detach(StreamId) {}

void MemoryStore::remove(StreamId id, std::function<void(StorageResult<void>)> done) {
  {
    std::lock_guard lock(mutex_);
    if (streams_.erase(id) == 0) {
      done(storage_failure(StorageErrorKind::kNotFound));
      return;
    }
  }
  done({});
}

}  // namespace natrix::storage
