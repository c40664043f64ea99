// The few calls to the kernel that the store makes, so that tests can lose, tear and refuse writes.
//
// Errors: kNotFound (open, remove, rename of what is not there), kFull (no space, quota), kIo with
// the path and the kernel's words. Safe from any thread; one file may be read and written at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/storage/types.h"

namespace natrix::storage {

class File {
 public:
  virtual ~File() = default;
  // As many bytes as there are, up to `size`.
  virtual StorageResult<size_t> read(uint64_t offset, char* to, size_t size) = 0;
  // All or an error; after an error any part may have been written.
  virtual StorageResult<void> write(uint64_t offset, std::string_view bytes) = 0;
  // What was written before is synced. After an error nobody knows, and trying again proves
  // nothing.
  virtual StorageResult<void> sync() = 0;
  virtual StorageResult<uint64_t> size() = 0;
  virtual StorageResult<void> truncate(uint64_t size) = 0;
};

class FileSystem {
 public:
  enum class Mode : uint8_t { kRead, kWrite, kCreate };  // kCreate: must not exist

  virtual ~FileSystem() = default;
  virtual StorageResult<std::shared_ptr<File>> open(const std::string& path, Mode mode) = 0;
  // Names in a directory, sorted, without "." and "..".
  virtual StorageResult<std::vector<std::string>> list(const std::string& directory) = 0;
  // With all above it; what is made is synced.
  virtual StorageResult<void> make_directories(const std::string& path) = 0;
  virtual StorageResult<void> remove(const std::string& path) = 0;
  virtual StorageResult<void> rename(const std::string& from, const std::string& to) = 0;
  // A second name for the same bytes. kInvalid: the name is taken.
  virtual StorageResult<void> link(const std::string& from, const std::string& to) = 0;
  // Names made, changed and removed in the directory before are synced.
  virtual StorageResult<void> sync_directory(const std::string& path) = 0;
  // Held until the result goes; kIo if another process holds it.
  virtual StorageResult<std::shared_ptr<void>> lock(const std::string& path) = 0;
};

FileSystem& posix_file_system();

// Reads all of a file; kDamaged if it is longer than `most`.
StorageResult<std::string> read_file(FileSystem& files, const std::string& path, uint64_t most);

}  // namespace natrix::storage
