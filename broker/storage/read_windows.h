// ReadWindows: the stretches of segments that a stream's readers have read lately. Sequential
// readers get ever longer stretches, so that a system call brings many messages.
//
// Used on the stream's thread. Memory is counted against a budget of the store; beyond it only what
// was asked for is read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "broker/storage/segment_table.h"

namespace natrix::storage {

class ReadWindows {
 public:
  ReadWindows(std::atomic<uint64_t>& used, uint64_t limit) : used_(used), limit_(limit) {}

  struct Bytes {
    std::string_view view;
    std::shared_ptr<const void> hold;
  };
  // `length` bytes at `offset`, which the file has up to `written`. kDamaged: the file is shorter.
  StorageResult<Bytes> read(const std::shared_ptr<SegmentData>& data, uint64_t offset,
                            uint32_t length, uint64_t written);
  void forget() { windows_.clear(); }

 private:
  static constexpr size_t kWindows = 4;
  static constexpr uint64_t kSmallest = 4096;
  static constexpr uint64_t kLargest = 256 * 1024;

  struct Window {
    std::shared_ptr<SegmentData> data;
    uint64_t start = 0;
    uint64_t size = 0;
    uint64_t used = 0;
    std::shared_ptr<char[]> bytes;
  };
  Window* find(const SegmentData& data, uint64_t offset, uint32_t length);
  uint64_t stretch(const SegmentData& data, uint64_t offset, uint32_t length, uint64_t written,
                   Window*& follows);
  std::shared_ptr<char[]> allocate(uint64_t size);

  std::atomic<uint64_t>& used_;
  uint64_t limit_;
  std::vector<Window> windows_;
  uint64_t clock_ = 0;
};

}  // namespace natrix::storage
