#include "operator/local/agent/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "operator/base/timestamp.h"

namespace natrix::agent {

namespace {

constexpr size_t kMaxLine = size_t{16} << 10;
constexpr size_t kReadSize = size_t{64} << 10;

std::string stamp() {
  // Microseconds are what the clock helper gives; readers expect nanoseconds.
  std::string text = ops::format_micro_time(std::chrono::system_clock::now());
  text.insert(text.size() - 1, "000");
  return text;
}

std::string previous_path(const std::string& path) {
  return path + ".1";
}

std::string read_part(const std::string& path, uint64_t skip, uint64_t size) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(skip));
  std::string out(size, '\0');
  file.read(out.data(), static_cast<std::streamsize>(size));
  out.resize(static_cast<size_t>(file.gcount()));
  return out;
}

}  // namespace

LogFile::LogFile(std::string path, size_t limit) : path_(std::move(path)), limit_(limit) {
  fd_ = ::open(path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
}

LogFile::~LogFile() {
  if (fd_ >= 0) ::close(fd_);
}

void LogFile::append(std::string_view output) {
  const std::lock_guard lock(mutex_);
  partial_ += output;
  size_t start = 0;
  for (;;) {
    const size_t newline = partial_.find('\n', start);
    const size_t size = (newline == std::string::npos ? partial_.size() : newline) - start;
    if (size > kMaxLine) {
      write_line(std::string_view(partial_).substr(start, kMaxLine));
      start += kMaxLine;
      continue;
    }
    if (newline == std::string::npos) break;
    write_line(std::string_view(partial_).substr(start, size));
    start = newline + 1;
  }
  partial_.erase(0, start);
  changed_.notify_all();
}

void LogFile::close() {
  const std::lock_guard lock(mutex_);
  if (!partial_.empty()) write_line(partial_);
  partial_.clear();
  closed_ = true;
  changed_.notify_all();
}

void LogFile::write_line(std::string_view text) {
  write_raw(fmt::format("{} {}\n", stamp(), text));
}

// A full disk loses log lines and nothing else.
void LogFile::write_raw(const std::string& bytes) {
  if (fd_ < 0) return;
  if (end_ - start_ + bytes.size() > limit_ && end_ > start_) {
    std::error_code ignored;
    std::filesystem::rename(path_, previous_path(path_), ignored);
    previous_size_ = end_ - start_;
    start_ = end_;
    ::close(fd_);
    fd_ = ::open(path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
    if (fd_ < 0) return;
  }
  const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
  if (written > 0) end_ += static_cast<uint64_t>(written);
}

std::string LogFile::read_all(uint64_t& position) const {
  const std::lock_guard lock(mutex_);
  std::string out;
  if (previous_size_ > 0) out = read_part(previous_path(path_), 0, previous_size_);
  out += read_part(path_, 0, end_ - start_);
  position = end_;
  return out;
}

std::string LogFile::read_more(uint64_t& position, std::chrono::milliseconds wait) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, wait, [&] { return end_ > position || closed_; });
  if (end_ <= position) return "";
  std::string out;
  if (position < start_) {
    const uint64_t missed = std::min(start_ - position, previous_size_);
    out = read_part(previous_path(path_), previous_size_ - missed, missed);
    position = start_;
  }
  out += read_part(path_, position - start_, end_ - position);
  position = end_;
  return out;
}

bool LogFile::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

LogPump::LogPump() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::thread([this] { run(); });
}

LogPump::~LogPump() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_, 1);
  thread_.join();
  for (Source& source : sources_) ::close(source.fd);
  for (Source& source : added_) ::close(source.fd);
  ::close(wake_);
}

Result<int> LogPump::open(std::shared_ptr<LogFile> log) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return fail(fmt::format("pipe: {}", std::strerror(errno)));
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  {
    const std::lock_guard lock(mutex_);
    added_.push_back({fds[0], std::move(log)});
  }
  eventfd_write(wake_, 1);
  return fds[1];
}

void LogPump::take_new() {
  eventfd_t ignored = 0;
  eventfd_read(wake_, &ignored);
  const std::lock_guard lock(mutex_);
  for (Source& source : added_) sources_.push_back(std::move(source));
  added_.clear();
}

// False at the end of the stream.
bool LogPump::drain(Source& source) {
  char buffer[kReadSize];
  const ssize_t got = ::read(source.fd, buffer, sizeof(buffer));
  if (got > 0) {
    source.log->append({buffer, static_cast<size_t>(got)});
    return true;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  source.log->close();
  ::close(source.fd);
  return false;
}

void LogPump::run() {
  for (;;) {
    std::vector<pollfd> fds{{wake_, POLLIN, 0}};
    for (const Source& source : sources_) fds.push_back({source.fd, POLLIN, 0});
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
    for (size_t i = sources_.size(); i-- > 0;) {
      if (fds[i + 1].revents == 0) continue;
      if (!drain(sources_[i])) sources_.erase(sources_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (fds[0].revents != 0) take_new();
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
  }
}

}  // namespace natrix::agent
