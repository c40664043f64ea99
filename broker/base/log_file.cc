#include "broker/base/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <limits>
#include <vector>

namespace natrix {
namespace {

constexpr mode_t kLogMode = 0640;

Result<int> open_log(const std::string& path) {
  int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kLogMode);
  if (fd < 0) {
    return fail(
        fmt::format("log file \"{}\" cannot be opened: {}; check the path and its "
                    "permissions",
                    path, std::strerror(errno)));
  }
  return fd;
}

int64_t size_of(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 ? info.st_size : 0;
}

// False leaves the reason in errno.
bool write_line(int fd, std::string_view line) {
  std::string text(line);
  text += '\n';
  std::string_view rest = text;
  while (!rest.empty()) {
    ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) rest.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// ".2026.08.01.12.34.56.123456789" after the file's name marks a backup; anything else is not ours.
constexpr std::string_view kBackupShape = ".0000.00.00.00.00.00.000000000";

std::string backup_suffix() {
  using namespace std::chrono;
  auto now = system_clock::now().time_since_epoch();
  auto second = static_cast<time_t>(floor<seconds>(now).count());
  auto nanos = duration_cast<nanoseconds>(now).count() % 1'000'000'000;
  std::tm parts{};
  localtime_r(&second, &parts);
  return fmt::format(".{:04}.{:02}.{:02}.{:02}.{:02}.{:02}.{:09}", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     nanos);
}

bool is_backup_suffix(std::string_view suffix) {
  return suffix.size() == kBackupShape.size() &&
         std::equal(suffix.begin(), suffix.end(), kBackupShape.begin(), [](char c, char shape) {
           return shape == '0' ? c >= '0' && c <= '9' : c == shape;
         });
}

}  // namespace

StderrSink::StderrSink() : colour_(isatty(STDERR_FILENO) == 1) {}

void StderrSink::write(LogLevel, std::string_view line) {
  // Nothing can be told about a stderr that takes no more.
  (void)write_line(STDERR_FILENO, line);
}

Result<std::shared_ptr<FileSink>> FileSink::open(const LogOptions& options) {
  Result<int> fd = open_log(options.file);
  if (!fd) return fail(fd.error().message);
  return std::shared_ptr<FileSink>(new FileSink(options, *fd, size_of(*fd)));
}

FileSink::FileSink(const LogOptions& options, int fd, int64_t size)
    : path_(options.file),
      configured_limit_(options.file_size_limit_bytes),
      limit_(options.file_size_limit_bytes),
      max_files_(options.file_max_num),
      fd_(fd),
      size_(size),
      format_(options, false) {}

FileSink::~FileSink() {
  ::close(fd_);
}

void FileSink::append(std::string_view line) {
  if (write_line(fd_, line)) {
    size_ += static_cast<int64_t>(line.size()) + 1;
    return;
  }
  lost_reason_ = std::strerror(errno);
  ++lost_lines_;
}

void FileSink::append_own(LogLevel level, std::string_view text) {
  append(format_.line(level, text));
}

void FileSink::write(LogLevel, std::string_view line) {
  uint64_t lost_before = lost_lines_;
  append(line);
  if (lost_lines_ > 0 && lost_lines_ == lost_before) {
    lost_lines_ = 0;
    append_own(LogLevel::kWarn, fmt::format("{} log lines before this one were lost: {}",
                                            lost_before, lost_reason_));
  }
  if (limit_ > 0 && size_ > limit_) rotate();
}

void FileSink::rotate() {
  std::string backup = path_ + backup_suffix();
  bool renamed = std::rename(path_.c_str(), backup.c_str()) == 0;
  std::string reason = renamed ? "" : std::strerror(errno);
  Result<int> fd = renamed ? open_log(path_) : fail(reason);
  if (!fd) {
    // Lines go on into the old file, whatever its name is now.
    limit_ = limit_ > std::numeric_limits<int64_t>::max() / 2 ? limit_ : limit_ * 2;
    append_own(LogLevel::kError,
               fmt::format("Unable to rotate the log file ({}), next attempt at size {}",
                           fd.error().message, limit_));
    return;
  }
  ::close(fd_);
  fd_ = *fd;
  size_ = size_of(fd_);
  limit_ = configured_limit_;
  append_own(LogLevel::kInfo, fmt::format("Rotated log, backup saved as \"{}\"", backup));
  if (max_files_ > 0) purge();
}

void FileSink::purge() {
  namespace fs = std::filesystem;
  fs::path path(path_);
  fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::string name = path.filename().string();
  std::vector<std::string> backups;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string candidate = entry->path().filename().string();
    if (candidate.starts_with(name) && is_backup_suffix(candidate.substr(name.size())))
      backups.push_back(candidate);
  }
  if (error) {
    append_own(LogLevel::kError, fmt::format("Unable to list \"{}\" to remove old logs: {}",
                                             folder.string(), error.message()));
    return;
  }
  // The time in the name sorts oldest first.
  std::sort(backups.begin(), backups.end());
  size_t keep = static_cast<size_t>(max_files_ - 1);
  for (size_t i = 0; i + keep < backups.size(); ++i) {
    if (fs::remove(folder / backups[i], error)) {
      append_own(LogLevel::kInfo, fmt::format("Purged log file \"{}\"", backups[i]));
    } else {
      append_own(LogLevel::kError, fmt::format("Unable to remove old log file \"{}\": {}",
                                               backups[i], error.message()));
      return;
    }
  }
}

Result<void> FileSink::reopen() {
  Result<int> fd = open_log(path_);
  if (!fd) return fail(fd.error().message);
  ::close(fd_);
  fd_ = *fd;
  size_ = size_of(fd_);
  return {};
}

}  // namespace natrix
