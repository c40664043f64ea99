#include "broker/storage/file_store.h"
#include "broker/storage/memory_store.h"
#include "broker/storage/store.h"

namespace natrix::storage {

StorageResult<std::unique_ptr<Store>> open_store(StoreOptions options) {
  if (options.directory.empty()) return std::unique_ptr<Store>(std::make_unique<MemoryStore>());
  auto store = FileStore::open(std::move(options), posix_file_system(), FileStore::Threads::kOwn);
  if (!store) return fail_with(store.error());
  return std::unique_ptr<Store>(std::move(*store));
}

}  // namespace natrix::storage
