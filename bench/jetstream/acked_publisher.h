// A publisher into streams that waits for acknowledgements: many outstanding, or one by one. Every
// message must be acknowledged once, with the sequence it must have got: the streams are the
// publisher's alone and empty when it starts.
//
// Used by one thread. Errors are std::runtime_error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/loadgen/frames.h"
#include "bench/loadgen/peer.h"

namespace natrix::bench {

struct AckedPlan {
  // Of the stream; with more than one stream the names end in "_<kFirstNumber + index>".
  std::string stream = "BENCH";
  // Stream i of several has the subject numbered i.
  uint32_t streams = 1;
  SubjectPattern subjects{"bench.js"};
  // Of one stream: how many numbered subjects it has, taken in turn or at random.
  uint32_t subject_count = 1;
  bool at_random = false;
  size_t payload_bytes = 128;
  // Publishes without an acknowledgement: what the Go client allows by default.
  uint64_t window = 4'000;
};

std::string stream_name(const AckedPlan& plan, uint32_t index);

class AckedPublisher {
 public:
  AckedPublisher(uint16_t port, const AckedPlan& plan);

  // Returns when every message is acknowledged.
  void run(uint64_t messages);
  // One at a time; returns the nanoseconds from publish to acknowledgement, sorted.
  std::vector<uint32_t> run_one_by_one(uint64_t messages);

  [[nodiscard]] uint64_t published() const { return sent_; }

 private:
  bool send_some();
  void build_chunk(uint64_t messages);
  uint64_t take_acks();
  void take_ack(const Message& message);

  AckedPlan plan_;
  Peer peer_;
  MessageReader reader_;
  std::string inbox_;  // a stream has one publisher, so its name makes the inbox unique
  PublishFrame frame_;
  std::vector<std::string> stream_fields_;  // by stream: `"stream":"<name>"`
  std::string chunk_;
  size_t sent_of_chunk_ = 0;
  uint64_t sent_ = 0;              // messages put into chunks
  uint64_t acked_ = 0;             // of them
  uint64_t target_ = 0;            // stop there
  std::vector<bool> outstanding_;  // by reply number
};

}  // namespace natrix::bench
