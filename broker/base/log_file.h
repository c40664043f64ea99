// Sinks that write to file descriptors: standard error and a log file with rotation.
// Used under the logger's lock. Each line goes out in one write, so that lines of several processes
// appending to one file do not mix.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker/base/log.h"
#include "broker/base/log_format.h"

namespace natrix {

class StderrSink final : public LogSink {
 public:
  StderrSink();
  void write(LogLevel level, std::string_view line) override;
  [[nodiscard]] bool wants_colour() const override { return colour_; }

 private:
  bool colour_;
};

// Appends to a file. Past `file_size_limit_bytes` the file is renamed to
// <file>.YYYY.MM.DD.HH.MM.SS.nnnnnnnnn and a new one begun; of all files `file_max_num` are kept.
// Lines that cannot be written (full disk) are counted and the loss is told once writing works
// again.
class FileSink final : public LogSink {
 public:
  // Fails if the file cannot be opened.
  static Result<std::shared_ptr<FileSink>> open(const LogOptions& options);
  ~FileSink() override;
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  void write(LogLevel level, std::string_view line) override;
  Result<void> reopen() override;

 private:
  FileSink(const LogOptions& options, int fd, int64_t size);

  void append(std::string_view line);
  void append_own(LogLevel level, std::string_view text);
  void rotate();
  void purge();

  std::string path_;
  int64_t configured_limit_;
  int64_t limit_;  // grows when rotation fails, so that it is not tried for every line
  int64_t max_files_;
  int fd_;
  int64_t size_;
  uint64_t lost_lines_ = 0;
  std::string lost_reason_;
  LogLineFormat format_;
};

}  // namespace natrix
