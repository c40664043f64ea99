// HandshakeRate: how many handshakes may begin in a second (connection_rate_limit). Safe from any
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

namespace natrix::tls {

class HandshakeRate {
 public:
  // `limit` 0: unlimited.
  bool admit(int64_t limit, std::chrono::steady_clock::time_point now) {
    if (limit <= 0) return true;
    std::lock_guard lock(mutex_);
    if (now >= end_) {
      end_ = now + std::chrono::seconds(1);
      begun_ = 0;
    }
    if (begun_ < limit) {
      ++begun_;
      return true;
    }
    ++refused_;
    return false;
  }
  // Refused since the last call.
  uint64_t take_refused() {
    std::lock_guard lock(mutex_);
    uint64_t refused = refused_;
    refused_ = 0;
    return refused;
  }

 private:
  std::mutex mutex_;
  std::chrono::steady_clock::time_point end_;
  int64_t begun_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace natrix::tls
