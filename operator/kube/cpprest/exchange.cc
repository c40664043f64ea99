#include "operator/kube/cpprest/exchange.h"

namespace natrix::kube {
namespace {

// The library hands over one chunk at a time; a full buffer is one that holds at least this much.
constexpr size_t kBufferBytes = 256 * 1024;

}  // namespace

bool Exchange::wait_head(ops::Time deadline) {
  std::unique_lock lock(mutex_);
  while (!head_ && !finished_ && !aborted_) {
    if (ops::system_clock().now() >= deadline) return false;
    ops::system_clock().wait_until(changed_, lock, deadline);
  }
  return true;
}

bool Exchange::take_body(std::string& out, ops::Time deadline, bool& timed_out) {
  timed_out = false;
  out.clear();
  std::unique_lock lock(mutex_);
  while (buffer_.empty() && !finished_ && !aborted_) {
    if (ops::system_clock().now() >= deadline) {
      timed_out = true;
      return false;
    }
    ops::system_clock().wait_until(changed_, lock, deadline);
  }
  if (aborted_ || buffer_.empty()) return false;
  out.swap(buffer_);
  release_writer(lock);
  return true;
}

std::optional<TransportError> Exchange::failure() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

int Exchange::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

std::string Exchange::retry_after() const {
  std::lock_guard lock(mutex_);
  return retry_after_;
}

bool Exchange::aborted() const {
  std::lock_guard lock(mutex_);
  return aborted_;
}

void Exchange::abort() {
  std::unique_lock lock(mutex_);
  if (aborted_) return;
  aborted_ = true;
  buffer_.clear();
  changed_.notify_all();
  release_writer(lock);
  if (lock.owns_lock()) lock.unlock();
  // Not under the lock: cancelling runs the library's callback, which closes the socket.
  cancel_.cancel();
}

void Exchange::head_arrived(int status, std::string retry_after) {
  std::lock_guard lock(mutex_);
  head_ = true;
  status_ = status;
  retry_after_ = std::move(retry_after);
  changed_.notify_all();
}

pplx::task<size_t> Exchange::body_arrived(const char* bytes, size_t count) {
  std::lock_guard lock(mutex_);
  if (aborted_) return pplx::task_from_result<size_t>(count);  // the socket is closing; drop it
  buffer_.append(bytes, count);
  changed_.notify_all();
  if (buffer_.size() < kBufferBytes) return pplx::task_from_result<size_t>(count);
  writer_.emplace();
  writer_count_ = count;
  return pplx::create_task(*writer_);
}

void Exchange::finished(std::optional<TransportError> failure) {
  std::lock_guard lock(mutex_);
  finished_ = true;
  failure_ = std::move(failure);
  changed_.notify_all();
}

void Exchange::release_writer(std::unique_lock<std::mutex>& lock) {
  if (!writer_) return;
  pplx::task_completion_event<size_t> event = std::move(*writer_);
  size_t count = writer_count_;
  writer_.reset();
  lock.unlock();
  event.set(count);
}

}  // namespace natrix::kube
