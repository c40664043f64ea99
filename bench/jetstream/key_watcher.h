// Watches a key-value bucket as client libraries do: an ordered push consumer with the last value
// of each key, flow control answered. The values must be those of one AckedPublisher that has
// written each key once, so they come in order.
//
// Used by one thread. Errors are std::runtime_error.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/loadgen/peer.h"

namespace natrix::bench {

struct WatchPlan {
  std::string stream = "KV_BENCH";
  std::string subjects = "$KV.BENCH.>";
  size_t payload_bytes = 128;
};

struct WatchTimes {
  std::chrono::nanoseconds whole{0};          // from asking for the consumer to the last value
  std::chrono::nanoseconds first_to_last{0};  // between the arrivals of those two
};

class KeyWatcher {
 public:
  KeyWatcher(uint16_t port, WatchPlan plan);

  // One watch: returns when the value of each of `keys` keys has come and the consumer is gone.
  WatchTimes run(uint64_t keys);

 private:
  void start();
  void stop();
  void pump_once();
  void take(const Message& message);
  void take_value(const Message& message);

  WatchPlan plan_;
  Peer peer_;
  MessageReader reader_;
  std::string filler_;
  std::string out_;
  uint64_t watches_ = 0;
  std::string consumer_;
  uint64_t received_ = 0;
  bool answered_ = false;  // the API request that is under way
  bool stopping_ = false;
  std::chrono::steady_clock::time_point first_;
};

}  // namespace natrix::bench
