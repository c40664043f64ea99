// epoll(7) for the generator's loops: waiting has a limit, because a message that never comes is
// the one failure a load generator must not sit out.
#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace natrix::bench {

class Epoll {
 public:
  Epoll() : fd_(epoll_create1(EPOLL_CLOEXEC)) {}
  Epoll(const Epoll&) = delete;
  Epoll& operator=(const Epoll&) = delete;
  ~Epoll() { close(fd_); }

  void add(int fd, uint32_t events, uint32_t key) const {
    epoll_event event{};
    event.events = events;
    event.data.u32 = key;
    if (epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
      throw std::runtime_error("epoll_ctl failed");
    }
  }

  // Number of events; throws std::runtime_error after kStallMs without any.
  int wait(epoll_event* events, int capacity) const {
    int count = epoll_wait(fd_, events, capacity, kStallMs);
    if (count == 0) {
      throw std::runtime_error("stalled: nothing arrives any more, messages are missing");
    }
    return std::max(count, 0);
  }

 private:
  static constexpr int kStallMs = 20'000;
  int fd_;
};

}  // namespace natrix::bench
