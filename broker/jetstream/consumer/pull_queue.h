// PullQueue: the pull requests that wait at a consumer, in the order they are served. Pure; times
// are of a clock that is never set back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "broker/jetstream/model/api_error.h"
#include "broker/jetstream/model/requests.h"

namespace natrix::jetstream::consumer {

// The body of a pull request in any of its forms (wire.md 11.3); the error is the reason that goes
// behind "Bad Request - ".
Result<model::PullRequest> parse_pull_request(std::string_view body);

struct Pull {
  std::string reply;
  int64_t left = 0;       // messages still to be sent
  int64_t bytes = 0;      // bytes still to be sent, if `limits_bytes`
  int64_t expires = 0;    // 0: never
  int64_t heartbeat = 0;  // interval, 0: none
  int64_t next_heartbeat = 0;
  uint64_t delivered = 0;
  bool no_wait = false;
  bool limits_bytes = false;
  // Priority groups: what the request says of itself.
  std::string group;
  std::string pin_id;
  int64_t min_pending = 0, min_ack_pending = 0;
  int priority = kLowestPriority;
  static constexpr int kLowestPriority = 10;  // behind 0 to 9: none was given
};

class PullQueue {
 public:
  explicit PullQueue(size_t most) : most_(most) {}

  // Lower priorities are served first, equal ones in turn; else all in turn.
  void set_prioritized(bool prioritized) { prioritized_ = prioritized; }

  [[nodiscard]] bool empty() const { return pulls_.empty(); }
  [[nodiscard]] bool full() const { return pulls_.size() >= most_; }
  [[nodiscard]] size_t size() const { return pulls_.size(); }
  [[nodiscard]] Pull& front() { return pulls_.front(); }
  void add(Pull pull) {
    auto behind = [&pull](const Pull& other) { return other.priority > pull.priority; };
    auto at = prioritized_ ? std::find_if(pulls_.begin(), pulls_.end(), behind) : pulls_.end();
    pulls_.insert(at, std::move(pull));
  }
  void pop() { pulls_.pop_front(); }
  // The front goes behind all others, or all others of its priority: requests are served in turn.
  void rotate() {
    if (pulls_.size() < 2) return;
    Pull front = std::move(pulls_.front());
    pulls_.pop_front();
    add(std::move(front));
  }
  // The front goes to the very end, whatever its priority: it may not be served now.
  void pass_over() {
    pulls_.push_back(std::move(pulls_.front()));
    pulls_.pop_front();
  }
  // Calls visit(Pull&) for each and removes those for which it returns false.
  template <class F>
  void retain(F&& visit) {
    std::erase_if(pulls_, [&visit](Pull& pull) { return !visit(pull); });
  }
  // Messages asked for in all.
  [[nodiscard]] uint64_t wanted() const {
    uint64_t sum = 0;
    for (const Pull& pull : pulls_) sum += static_cast<uint64_t>(pull.left);
    return sum;
  }

 private:
  size_t most_;
  bool prioritized_ = false;
  std::deque<Pull> pulls_;
};

}  // namespace natrix::jetstream::consumer
