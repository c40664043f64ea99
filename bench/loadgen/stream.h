// A measured stream: publishers on one thread, receivers on another, as many messages in flight as
// a window allows (so that no server ever sees a slow consumer), every delivery checked.
//
//   Stream stream(server.port(), plan);
//   stream.run(10'000);    // warm-up
//   stream.run(1'000'000); // returns when every receiver has got every message
//
// Used by one thread; run() starts and joins its own two. Errors are std::runtime_error.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/loadgen/frames.h"

namespace natrix::bench {

struct StreamPlan {
  uint32_t publishers = 1;
  uint32_t receivers = 1;  // 0: nobody subscribes
  size_t payload_bytes = 16;
  // false: every receiver gets the messages of every publisher; true: publisher i has receiver i.
  bool pairs = false;
  // More than one: the receiver (there must be one) holds that many literal subscriptions and the
  // publisher takes a random one of them for each message.
  uint32_t subjects = 1;
};

class Stream {
 public:
  // Connects everybody and subscribes; returns when the server has confirmed it.
  Stream(uint16_t port, const StreamPlan& plan);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  void run(uint64_t messages_per_publisher);

  // Messages a single message of a publisher becomes: what one publish counts for.
  [[nodiscard]] uint64_t deliveries_per_message() const;

 private:
  struct Shared;
  class Publisher;
  class Receiver;

  void publish_all();
  void receive_all();

  StreamPlan plan_;
  std::unique_ptr<Shared> shared_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
};

}  // namespace natrix::bench
