// Takes messages from a pull consumer as client libraries do: a batch is asked for, asked for again
// when half of it has come, and each message acknowledged as soon as it is there. The messages must
// be those of one AckedPublisher, in order, none missing, none delivered twice.
//
// Used by one thread. Errors are std::runtime_error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/loadgen/peer.h"

namespace natrix::bench {

struct PullPlan {
  std::string stream = "BENCH";
  std::string consumer = "pull";
  std::string subject = "bench.js";
  size_t payload_bytes = 128;
  uint64_t batch = 500;  // the default of the Go client's Consume()
};

class PullConsumer {
 public:
  PullConsumer(uint16_t port, PullPlan plan);

  // Returns when so many more messages have come and the server has confirmed the last one's
  // acknowledgement. Asks for no message beyond them.
  void run(uint64_t messages);

 private:
  void ask();
  void take(const Message& message);
  void take_status(const Message& message);
  void check(const Message& message) const;

  PullPlan plan_;
  Peer peer_;
  MessageReader reader_;
  std::string ack_prefix_;  // of a first delivery
  std::string filler_;      // a payload after its tag
  std::string out_;
  uint64_t received_ = 0;
  uint64_t target_ = 0;
  uint64_t asked_ = 0;  // of the messages asked for, those that have not come
  bool confirmed_ = false;
};

}  // namespace natrix::bench
