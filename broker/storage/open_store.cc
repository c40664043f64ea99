#include "broker/storage/memory_store.h"
#include "broker/storage/store.h"

namespace natrix::storage {

StorageResult<std::unique_ptr<Store>> open_store(StoreOptions options) {
  if (options.directory.empty()) return std::unique_ptr<Store>(std::make_unique<MemoryStore>());
  return storage_failure(StorageErrorKind::kInvalid, "stores on disk are not there yet");
}

}  // namespace natrix::storage
