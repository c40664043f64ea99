// One request on its way: where the library's threads leave what arrives and the caller's thread
// waits for it.
//
// The body passes through a bounded buffer. While it is full the library's write task stays
// pending, and the library reads nothing more from the socket: that is the back-pressure of a
// watch.
#pragma once

#include <pplx/pplxtasks.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include "operator/kube/transport.h"

namespace natrix::kube {

// Shared by the caller, the library's continuations and the body sink; lives until the last of
// them lets go. Safe from any thread; wait functions are for the one caller.
class Exchange {
 public:
  // The caller's side.

  // Waits for the status line and headers, or the failure; false at the deadline.
  bool wait_head(ops::Time deadline);
  // Waits for body bytes and moves them to `out`; false when there will be no more (see failure())
  // or at the deadline (see timed_out).
  bool take_body(std::string& out, ops::Time deadline, bool& timed_out);
  [[nodiscard]] std::optional<TransportError> failure() const;
  [[nodiscard]] int status() const;
  [[nodiscard]] std::string retry_after() const;
  // Hangs up: the socket closes and late bytes are dropped. Does not wait. Any thread, any time.
  void abort();
  [[nodiscard]] bool aborted() const;
  [[nodiscard]] pplx::cancellation_token token() const { return cancel_.get_token(); }

  // The library's side.

  void head_arrived(int status, std::string retry_after);
  pplx::task<size_t> body_arrived(const char* bytes, size_t count);
  void finished(std::optional<TransportError> failure);

 private:
  // Releases the pending write task after the buffer was emptied or given up.
  void release_writer(std::unique_lock<std::mutex>& lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool head_ = false;
  bool finished_ = false;
  bool aborted_ = false;
  int status_ = 0;
  std::string retry_after_;
  std::optional<TransportError> failure_;
  std::string buffer_;
  size_t writer_count_ = 0;
  std::optional<pplx::task_completion_event<size_t>> writer_;
  pplx::cancellation_token_source cancel_;
};

}  // namespace natrix::kube
