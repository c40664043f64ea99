#include "broker/storage/read_windows.h"

#include <fmt/format.h>

#include <algorithm>

namespace natrix::storage {

ReadWindows::Window* ReadWindows::find(const SegmentData& data, uint64_t offset, uint32_t length) {
  for (Window& window : windows_) {
    if (window.data.get() == &data && offset >= window.start &&
        offset + length <= window.start + window.size) {
      window.used = ++clock_;
      return &window;
    }
  }
  return nullptr;
}

// How much to read: a reader that comes to the end of a window gets a longer one.
uint64_t ReadWindows::stretch(const SegmentData& data, uint64_t offset, uint32_t length,
                              uint64_t written, Window*& follows) {
  uint64_t size = kSmallest;
  follows = nullptr;
  for (Window& window : windows_) {
    uint64_t end = window.start + window.size;
    if (window.data.get() == &data && offset >= window.start && offset <= end + kSmallest) {
      size = std::min(kLargest, window.size * 4);
      follows = &window;
    }
  }
  if (used_.load(std::memory_order_relaxed) + size > limit_) size = 0;
  return std::min(written - offset, std::max<uint64_t>(size, length));
}

std::shared_ptr<char[]> ReadWindows::allocate(uint64_t size) {
  used_.fetch_add(size, std::memory_order_relaxed);
  return {new char[size], [size, &used = used_](char* bytes) {
            used.fetch_sub(size, std::memory_order_relaxed);
            delete[] bytes;
          }};
}

StorageResult<ReadWindows::Bytes> ReadWindows::read(const std::shared_ptr<SegmentData>& data,
                                                    uint64_t offset, uint32_t length,
                                                    uint64_t written) {
  Window* window = find(*data, offset, length);
  if (window == nullptr) {
    Window* follows = nullptr;
    Window fresh;
    fresh.size = stretch(*data, offset, length, written, follows);
    fresh.data = data;
    fresh.start = offset;
    fresh.bytes = allocate(fresh.size);
    auto got = data->file->read(offset, fresh.bytes.get(), fresh.size);
    if (!got) return fail_with(got.error());
    if (*got < length) {
      return storage_failure(StorageErrorKind::kDamaged,
                             fmt::format("{} ends at {}", data->path, offset + *got));
    }
    fresh.size = *got;
    fresh.used = ++clock_;
    if (follows == nullptr && windows_.size() == kWindows) {
      follows =
          &*std::min_element(windows_.begin(), windows_.end(),
                             [](const Window& a, const Window& b) { return a.used < b.used; });
    }
    if (follows == nullptr) {
      windows_.push_back(std::move(fresh));
      follows = &windows_.back();
    } else {
      *follows = std::move(fresh);
    }
    window = follows;
  }
  return Bytes{{window->bytes.get() + (offset - window->start), length}, window->bytes};
}

}  // namespace natrix::storage
