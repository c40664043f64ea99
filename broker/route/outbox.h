// Outbox: interest on its way to one peer. Whoever subscribes or unsubscribes, on whatever shard,
// appends a line under the writer lock of the account's index; the route's shard takes all lines at
// once and sends them. So lines keep the order of the changes, and a change costs its author
// little.
//
// Safe from any thread. Bounded: an outbox that is not emptied in time reports it (see overflowed).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace natrix::route {

class Outbox {
 public:
  // `wake` is called, on the appending thread and with no lock of the outbox held, when there is
  // something to take after there was nothing. It must not call the index.
  Outbox(size_t max_bytes, std::function<void()> wake)
      : max_bytes_(max_bytes), wake_(std::move(wake)) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  void append(std::string_view lines);
  // Whether there is something to take. Who appended before is sure to be seen by those it told.
  [[nodiscard]] bool filled() const { return filled_.load(std::memory_order_acquire); }
  // Everything appended since the last time; empties the outbox.
  std::string take();
  // Drops what is there and what comes later: the route is gone.
  void close();
  // More than `max_bytes` came between two takes: lines are missing, the route must be closed.
  [[nodiscard]] bool overflowed();

 private:
  const size_t max_bytes_;
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::atomic<bool> filled_{false};
  std::string pending_;
  bool closed_ = false;
  bool overflowed_ = false;
};

}  // namespace natrix::route
