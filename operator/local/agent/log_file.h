// What containers print, in files of bounded size: each line with the time it came, as container
// runtimes keep it, so that `kubectl logs` can ask for times.
//
// LogFile is written by the LogPump's thread and read from any. A line longer than 16 KiB is
// broken. At most two files of `limit` bytes are kept per log: the current one and the one before
// it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "broker/base/result.h"

namespace natrix::agent {

class LogFile {
 public:
  explicit LogFile(std::string path, size_t limit = size_t{8} << 20);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Output as it comes; lines are completed across calls.
  void append(std::string_view output);
  // No more will come: the last line is ended, followers stop.
  void close();

  // Everything kept, oldest first: lines "<RFC 3339 with nanoseconds> <text>\n". `position` is
  // where to go on reading.
  std::string read_all(uint64_t& position) const;
  // What came after `position`, waiting for it at most `wait`; empty when nothing did. What was
  // rotated away meanwhile is skipped.
  std::string read_more(uint64_t& position, std::chrono::milliseconds wait) const;
  [[nodiscard]] bool closed() const;

 private:
  void write_line(std::string_view text);
  void write_raw(const std::string& bytes);

  const std::string path_;
  const size_t limit_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  int fd_ = -1;
  std::string partial_;
  uint64_t start_ = 0;  // position of the first byte of the current file
  uint64_t end_ = 0;    // position after the last byte
  uint64_t previous_size_ = 0;
  bool closed_ = false;
};

// Moves what children print from pipes into LogFiles, on one thread of its own.
class LogPump {
 public:
  LogPump();
  ~LogPump();
  LogPump(const LogPump&) = delete;
  LogPump& operator=(const LogPump&) = delete;

  // A descriptor to give to a child as its output; close it after starting the child. The log is
  // closed when all holders of it are gone.
  Result<int> open(std::shared_ptr<LogFile> log);

 private:
  struct Source {
    int fd;
    std::shared_ptr<LogFile> log;
  };
  void run();
  void take_new();
  static bool drain(Source& source);

  std::mutex mutex_;
  std::vector<Source> added_;
  bool stopping_ = false;
  int wake_ = -1;
  std::vector<Source> sources_;  // of the thread
  std::thread thread_;
};

}  // namespace natrix::agent
