#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "broker/storage/file_system.h"

namespace natrix::storage {

namespace {

Failure<StorageError> failure(const char* what, const std::string& path, int error) {
  StorageErrorKind kind = StorageErrorKind::kIo;
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) kind = StorageErrorKind::kFull;
  if (error == ENOENT) kind = StorageErrorKind::kNotFound;
  return storage_failure(kind, fmt::format("{} {}: {}", what, path, std::strerror(error)));
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }

  StorageResult<size_t> read(uint64_t offset, char* to, size_t size) override {
    size_t done = 0;
    while (done < size) {
      ssize_t n = ::pread(fd_, to + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failure("cannot read", path_, errno);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  StorageResult<void> write(uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failure("cannot write", path_, errno);
      bytes.remove_prefix(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return {};
  }

  StorageResult<void> sync() override {
    if (::fdatasync(fd_) != 0) return failure("cannot sync", path_, errno);
    return {};
  }

  StorageResult<uint64_t> size() override {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return failure("cannot examine", path_, errno);
    return static_cast<uint64_t>(info.st_size);
  }

  StorageResult<void> truncate(uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) {
      return failure("cannot truncate", path_, errno);
    }
    return {};
  }

 private:
  int fd_;
  std::string path_;
};

class PosixFileSystem final : public FileSystem {
 public:
  StorageResult<std::shared_ptr<File>> open(const std::string& path, Mode mode) override {
    int flags = O_CLOEXEC | (mode == Mode::kRead ? O_RDONLY : O_RDWR);
    if (mode == Mode::kCreate) flags |= O_CREAT | O_EXCL;
    int fd = ::open(path.c_str(), flags, 0640);
    if (fd < 0) return failure("cannot open", path, errno);
    return std::shared_ptr<File>(std::make_shared<PosixFile>(fd, path));
  }

  StorageResult<std::vector<std::string>> list(const std::string& directory) override {
    DIR* dir = ::opendir(directory.c_str());
    if (dir == nullptr) return failure("cannot list", directory, errno);
    std::vector<std::string> names;
    while (dirent* entry = ::readdir(dir)) {
      std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(dir);
    std::sort(names.begin(), names.end());
    return names;
  }

  StorageResult<void> make_directories(const std::string& path) override {
    std::filesystem::path whole = std::filesystem::path(path).lexically_normal();
    std::filesystem::path made;
    for (const std::filesystem::path& part : whole) {
      std::filesystem::path above = made.empty() ? std::filesystem::path(".") : made;
      made /= part;
      if (part.empty() || part == "/") continue;
      if (::mkdir(made.c_str(), 0750) == 0) {
        // A name that was made is lost with the power unless the folder it is in is synced.
        if (auto synced = sync_directory(above.string()); !synced) return synced;
      } else if (errno != EEXIST) {
        return failure("cannot make directory", made.string(), errno);
      }
    }
    return {};
  }

  StorageResult<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return failure("cannot remove", path, errno);
    return {};
  }

  StorageResult<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failure("cannot rename", from, errno);
    return {};
  }

  StorageResult<void> link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return {};
    int error = errno;
    if (error == EEXIST) return storage_failure(StorageErrorKind::kInvalid, to + " exists");
    return failure("cannot link", from, error);
    return {};
  }

  StorageResult<void> sync_directory(const std::string& path) override {
    int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failure("cannot open", path, errno);
    int result = ::fsync(fd);
    int error = errno;
    ::close(fd);
    if (result != 0) return failure("cannot sync", path, error);
    return {};
  }

  StorageResult<std::shared_ptr<void>> lock(const std::string& path) override {
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return failure("cannot open", path, errno);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd);
      return storage_failure(
          StorageErrorKind::kIo,
          fmt::format("{} is held by another process: the store is in use", path));
    }
    return std::shared_ptr<void>(nullptr, [fd](void*) { ::close(fd); });
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem instance;
  return instance;
}

StorageResult<std::string> read_file(FileSystem& files, const std::string& path, uint64_t most) {
  auto file = files.open(path, FileSystem::Mode::kRead);
  if (!file) return fail_with(file.error());
  auto size = (*file)->size();
  if (!size) return fail_with(size.error());
  if (*size > most) {
    return storage_failure(StorageErrorKind::kDamaged,
                           fmt::format("{}: {} bytes, expected at most {}", path, *size, most));
  }
  std::string bytes(*size, '\0');
  auto got = (*file)->read(0, bytes.data(), bytes.size());
  if (!got) return fail_with(got.error());
  bytes.resize(*got);
  return bytes;
}

}  // namespace natrix::storage
