// Request/reply: requesters with one request outstanding each, one responder on a connection of
// its own. Every request uses a fresh reply subject below the requester's inbox wildcard, as client
// libraries do. Used by one thread; run() starts and joins its own two.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace natrix::bench {

struct RoundTrips {
  uint64_t count = 0;
  double p50_us = 0;
  double p99_us = 0;
};

class RequestReply {
 public:
  RequestReply(uint16_t port, uint32_t requesters);
  RequestReply(const RequestReply&) = delete;
  RequestReply& operator=(const RequestReply&) = delete;
  ~RequestReply();

  // Returns when every request has its own answer. Throws std::runtime_error otherwise.
  RoundTrips run(uint64_t requests_per_requester);

 private:
  class Requester;
  class Responder;

  void request_all(std::vector<uint32_t>& nanoseconds);

  std::unique_ptr<Responder> responder_;
  std::vector<std::unique_ptr<Requester>> requesters_;
};

}  // namespace natrix::bench
